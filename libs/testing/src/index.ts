export { createTestTokens, signToken, type TestTokens } from './auth/test-tokens.ts';
export { startPostgres, type PostgresServer } from './postgres/server.ts';
export { startPgBouncer, type PgBouncerOptions } from './postgres/pooler.ts';
export { copyStopped, startStandby, type PostgresStandby } from './postgres/standby.ts';
export { createTestDatabase, type TestDatabase } from './postgres/database.ts';
export { redisProgram, startRedis, type RedisServer } from './redis/server.ts';
export { startRedisCluster, type RedisCluster } from './redis/cluster.ts';
export { startSentinelGroup, type SentinelGroup } from './redis/sentinel.ts';
export { openApiChecker, type OpenApiChecker } from './openapi/open-api.ts';
export { tcpProxy, type TcpProxy } from './network/tcp-proxy.ts';
export { rawHttp } from './network/raw-http.ts';
export { databaseWords } from './hostile/hostile-strings.ts';
export { hostileRequests } from './hostile/hostile-requests.ts';
export { freePort } from './network/free-ports.ts';
export { manualClock, type ManualClock } from './time/manual-clock.ts';
export { stressPart } from './parts/stress-part.ts';
export { eventually } from './time/eventually.ts';
export {
  stackPlace,
  startLocalStack,
  type LocalStack,
  type LocalStackOptions,
  type StackPlace,
  type StackProcess,
} from './stack/local-stack.ts';
export { startCatalog, type RunningCatalog } from './services/catalog.ts';
export { startService, type ServiceProcess } from './services/service-process.ts';
export {
  startReader,
  startScript,
  startWorker,
  startWriter,
  type RunningScript,
} from './stack/extra-process.ts';
export { resident_MiB } from './processes/memory.ts';
export { barChart, format, lineChart, markdownTable, type Line } from './report/render.ts';
