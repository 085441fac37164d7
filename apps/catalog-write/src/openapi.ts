import {
  importResultSchema,
  productCreateSchema,
  productHistoryPageSchema,
  productPatchSchema,
  productSchema,
  settingsPatchSchema,
  settingsSchema,
} from '@catalog/contracts';
import { openApiDocument, requestTimeoutHeader, type OpenApiDocument } from '@catalog/service-kit';
import { z } from 'zod';
import { importHeaders, importParams, importQuery, importTypes } from './imports/routes.ts';
import { mergePatchTypes } from './preconditions/merge-patch.ts';
import { historyQuery } from './products/history-route.ts';
import { productParams } from './products/routes.ts';

const scopes = ['catalog:write'];
const timeout = z.strictObject(requestTimeoutHeader);
const ifMatch = timeout.extend({ 'If-Match': z.string().describe('ETags that were read, or *.') });
const version = { 'Catalog-Version': 'The version that the write made; send it as Min-Version to read it.' };
const tagged = { ...version, ETag: 'For If-Match and If-None-Match.' };

export function openApi(): OpenApiDocument {
  return openApiDocument({
    title: 'catalog-write',
    version: '1',
    description: 'Changes products and settings. Reads are answered by catalog-read.',
    routes: [
      {
        method: 'post',
        path: '/v1/products',
        summary: 'Create a product',
        scopes,
        headers: timeout.extend({ 'Idempotency-Key': z.string().min(1).max(255).optional() }),
        body: { schema: productCreateSchema },
        responses: {
          201: {
            description: 'Created',
            schema: productSchema,
            headers: { ...tagged, Location: 'Its address.' },
            sometimes: { 'Idempotency-Replayed': 'true: created before, under the same key.' },
          },
        },
        errors: [
          'malformed_request',
          'invalid_request',
          'sku_taken',
          'conflict',
          'busy',
          'body_too_large',
          'unsupported_media_type',
          'idempotency_key_reused',
          'rate_limited',
        ],
      },
      {
        method: 'patch',
        path: '/v1/products/{id}',
        summary: 'Change a product by a merge patch (RFC 7396)',
        scopes,
        params: productParams,
        headers: ifMatch,
        body: { schema: productPatchSchema, types: mergePatchTypes },
        responses: { 200: { description: 'As it is now', schema: productSchema, headers: tagged } },
        errors: [
          'malformed_request',
          'invalid_request',
          'not_found',
          'sku_taken',
          'busy',
          'version_changed',
          'body_too_large',
          'unsupported_media_type',
          'precondition_required',
          'rate_limited',
        ],
      },
      {
        method: 'delete',
        path: '/v1/products/{id}',
        summary: 'Delete a product',
        scopes,
        params: productParams,
        headers: ifMatch,
        responses: { 204: { description: 'Deleted', headers: version } },
        errors: [
          'invalid_request',
          'not_found',
          'busy',
          'version_changed',
          'precondition_required',
          'rate_limited',
        ],
      },
      {
        method: 'get',
        path: '/v1/products/{id}/history',
        summary: 'Who changed which fields of a product, when, newest first',
        description:
          'As far back as history is kept; deleted products have one too. `changedBy` is "sql" for a change made by hand.',
        scopes,
        params: productParams,
        query: historyQuery,
        headers: timeout,
        responses: { 200: { description: 'The changes', schema: productHistoryPageSchema } },
        errors: ['invalid_request', 'not_found', 'rate_limited'],
      },
      {
        method: 'patch',
        path: '/v1/settings',
        summary: 'Change the settings by a merge patch (RFC 7396)',
        scopes,
        headers: ifMatch,
        body: { schema: settingsPatchSchema, types: mergePatchTypes },
        responses: { 200: { description: 'As they are now', schema: settingsSchema, headers: tagged } },
        errors: [
          'malformed_request',
          'invalid_request',
          'busy',
          'version_changed',
          'body_too_large',
          'unsupported_media_type',
          'precondition_required',
          'rate_limited',
        ],
      },
      {
        method: 'post',
        path: '/v1/imports',
        summary: 'Create and update products in bulk, matched by SKU',
        description:
          'Each record is a whole product: a field that is absent takes its default. Nothing changes before all was read. With reject-all one bad record rejects the import (state "rejected"); with skip-failed the good records are applied. With dryRun=true nothing changes, and the result is found for an hour.',
        scopes,
        query: importQuery,
        headers: importHeaders,
        body: {
          types: importTypes,
          description: 'CSV with a header of field names, or one JSON object a line. UTF-8.',
        },
        responses: {
          200: {
            description: 'What became of the records',
            schema: importResultSchema,
            headers: {
              'Catalog-Version':
                'The lowest version that was written: every changed product has at least this one. 0 when none changed.',
              Location: 'Its progress and result.',
            },
          },
        },
        errors: [
          'malformed_request',
          'invalid_request',
          'conflict',
          'busy',
          'unsupported_media_type',
          'rate_limited',
        ],
      },
      {
        method: 'get',
        path: '/v1/imports/{id}',
        summary: 'Progress or result of an import',
        description:
          'To follow an import while it runs, choose its id and send it as Import-Id. Where the state Redis is away, whether there is a dry run cannot be told (503).',
        scopes,
        params: importParams,
        headers: timeout,
        responses: { 200: { description: 'The import', schema: importResultSchema } },
        errors: ['invalid_request', 'not_found', 'rate_limited'],
      },
    ],
  });
}
