import type { ServerResponse } from 'node:http';
import { CatalogError, errorCatalogue } from '@catalog/contracts';
import express, { type Router } from 'express';
import type { Readiness, ReadinessReport } from '../health/readiness.ts';
import type { Logger } from '../logging/logger.ts';
import type { Metrics } from '../metrics/metrics.ts';
import { docsRoutes } from '../openapi/docs-page.ts';
import type { OpenApiDocument } from '../openapi/document.ts';
import { httpLimits } from './limits.ts';
import { refuseOtherMethods } from './other-methods.ts';
import { sharedRuns } from './shared-runs.ts';

/** What every service answers about itself: probes, metrics, the pages of its errors, and its API document. */
export function operatorRoutes(options: {
  readonly readiness: Readiness;
  readonly metrics: Metrics;
  readonly log: Pick<Logger, 'info' | 'warn'>;
  readonly openapi?: OpenApiDocument;
}): Router {
  const app = express.Router();
  // Everybody may ask for them, without a token and without a limit.
  const report = sharedRuns(reportWithLog(options), httpLimits.operatorRuns_ms);
  const metricsText = sharedRuns(() => options.metrics.text(), httpLimits.operatorRuns_ms);
  app.get('/livez', (_req, res) => {
    sendJson(res, 200, { status: 'ok' });
  });
  app.get('/readyz', async (_req, res) => {
    const { ready, checks, warnings } = await report();
    sendJson(res, ready ? 200 : 503, {
      status: ready ? 'ok' : 'not ready',
      checks,
      ...(Object.keys(warnings).length > 0 && { warnings }),
    });
  });
  app.get('/metrics', async (_req, res) => {
    const text = await metricsText();
    res.setHeader('Content-Type', options.metrics.registry.contentType);
    res.setHeader('Cache-Control', 'no-store');
    res.end(text);
  });
  app.get('/problems/:code', (req, res, next) => {
    const { code } = req.params;
    if (!Object.hasOwn(errorCatalogue, code)) {
      next(new CatalogError('not_found', 'There is no such problem type.'));
      return;
    }
    sendJson(res, 200, { code, ...errorCatalogue[code as keyof typeof errorCatalogue] });
  });
  app.all(['/livez', '/readyz', '/metrics', '/problems/:code'], refuseOtherMethods(['GET', 'HEAD']));
  if (options.openapi === undefined) return app;
  const document = Buffer.from(JSON.stringify(options.openapi));
  app.get('/openapi.json', (_req, res) => {
    res.setHeader('Content-Type', 'application/json');
    res.end(document);
  });
  app.all('/openapi.json', refuseOtherMethods(['GET', 'HEAD']));
  app.use(docsRoutes(options.openapi.info.title));
  return app;
}

/** A service that is not ready says so once, and not with every probe. */
function reportWithLog({
  readiness,
  log,
}: {
  readonly readiness: Readiness;
  readonly log: Pick<Logger, 'info' | 'warn'>;
}): () => Promise<ReadinessReport> {
  let wasReady = true;
  return async () => {
    const report = await readiness.report();
    if (report.ready !== wasReady) {
      if (report.ready) log.info('ready again');
      else log.warn({ checks: report.checks }, 'not ready');
    }
    wasReady = report.ready;
    return report;
  };
}

function sendJson(res: ServerResponse, status: number, body: object): void {
  res.statusCode = status;
  res.setHeader('Content-Type', 'application/json');
  res.setHeader('Cache-Control', 'no-store');
  res.end(JSON.stringify(body));
}
