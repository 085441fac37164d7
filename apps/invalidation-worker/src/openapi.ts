import {
  auditResultSchema,
  changeTracesSchema,
  OPERATE_SCOPE,
  purgeRequestSchema,
  purgeResultSchema,
} from '@catalog/contracts';
import { openApiDocument, type OpenApiDocument } from '@catalog/service-kit';
import { tracesQuery } from './traces/routes.ts';

const scopes = [OPERATE_SCOPE];

export function openApi(): OpenApiDocument {
  return openApiDocument({
    title: 'invalidation-worker',
    version: '1',
    description: 'Looks into the change feed, and acts on the cache.',
    routes: [
      {
        method: 'get',
        path: '/v1/changes',
        summary: 'The recent changes of one key, each step with its time',
        description: 'Kept for the replay window, 5 minutes; the newest first, at most 100.',
        scopes,
        query: tracesQuery,
        responses: { 200: { description: 'The traces', schema: changeTracesSchema } },
        errors: ['invalid_request'],
      },
      {
        method: 'get',
        path: '/v1/changes/stream',
        summary: 'Changes as they are applied (server-sent events)',
        description:
          'Events: "applied" with a trace; "refreshed" with seq and refreshedAt; "more" and "missed" with the count of changes that are not shown, because they were too many at once or the reader was too slow. Nothing is sent again.',
        scopes,
        responses: { 200: { description: 'text/event-stream' } },
        errors: ['invalid_request'],
      },
      {
        method: 'post',
        path: '/v1/audits',
        summary: 'Compare every cached entry with Postgres, and repair what differs',
        description: 'Answers when the pass is done; it ends when the caller goes away.',
        scopes,
        responses: { 200: { description: 'What was found', schema: auditResultSchema } },
        errors: ['invalid_request', 'conflict'],
      },
      {
        method: 'post',
        path: '/v1/purges',
        summary: 'Invalidate one key, the keys of one entity, or all',
        description: 'Who and why go into the log.',
        scopes,
        body: { schema: purgeRequestSchema },
        responses: { 200: { description: 'What was purged', schema: purgeResultSchema } },
        errors: [
          'malformed_request',
          'invalid_request',
          'conflict',
          'body_too_large',
          'unsupported_media_type',
        ],
      },
    ],
  });
}
