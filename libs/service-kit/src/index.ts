export { authConfig, baseConfig, databaseConfig, logLevels, redisConfig } from './config/base.ts';
export { ConfigError, defineConfig, type Environment } from './config/define.ts';
export { flag, integer, list, port, postgresUrl, redisUrl, secret, url } from './config/values.ts';
export { createLogger, type Logger } from './logging/logger.ts';
export { systemClock, type Clock } from './lifecycle/clock.ts';
export { runService, type ServiceScope } from './lifecycle/run-service.ts';
export { runServer, type RunServerOptions } from './lifecycle/run-server.ts';
export { readiness, type Readiness, type ReadinessReport } from './health/readiness.ts';
export { createMetrics, type Metrics } from './metrics/metrics.ts';
export type { RequestSeries } from './metrics/request-histogram.ts';
export { createServiceApp, type ServiceDependencies } from './http/app.ts';
export { startServer, type RunningServer, type ServerOptions } from './http/server.ts';
export { type EventStream, EventStreams, type SentEvent } from './http/event-streams.ts';
export {
  type Front,
  type FrontAnswer,
  Found,
  observeFront,
  plainHeaders,
  type PlainHeaders,
  type PlainRequest,
  putInFront,
} from './http/front.ts';
export { answerError } from './http/answer-error.ts';
export { isNextOnSocket } from './http/unread-answers.ts';
export { endReady, type ReadyAnswer, takesReadyAnswer } from './http/ready-answer.ts';
export { sendKeptFile } from './http/kept-files.ts';
export { jsonBody, parseJson, readBody, requireContentType } from './http/json-body.ts';
export { parseExactJson } from './json/exact-json.ts';
export {
  callerKey,
  callerKeyOf,
  limitRate,
  type RequestLimit,
  rateLimitPolicy,
  rateLimitState,
  type ImmediateLimit,
  type RequestCost,
} from './rate-limit/limit-rate.ts';
export { CallerPlaces } from './rate-limit/caller-places.ts';
export { CallerTurns } from './rate-limit/caller-turns.ts';
export { PacedTurns } from './rate-limit/paced-turns.ts';
export { networkOf } from './rate-limit/network.ts';
export { refuseOtherMethods } from './http/other-methods.ts';
export { httpLimits } from './http/limits.ts';
export { requestIdOf } from './http/request-id.ts';
export { parse, type Where } from './validation/parse.ts';
export {
  type Authenticate,
  authenticate,
  requireScope,
  tokenIssuer,
  type AuthenticateOptions,
} from './auth/authenticate.ts';
export { anonymousCaller, type Caller } from './auth/verify.ts';
export { createApi, type ApiDependencies } from './routes/api.ts';
export { mergePatch, route, type CheckedBy, type Route, type RouteInput } from './routes/route.ts';
export {
  type HeaderField,
  headerOf,
  idempotencyKey,
  invalidHeader,
  minVersion,
  requestTimeout,
  waitsUntil,
} from './routes/header-fields.ts';
export { sendProblem, toProblem } from './problems/problem.ts';
export { translate } from './problems/translate.ts';
