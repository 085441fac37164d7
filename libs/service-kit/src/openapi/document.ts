import { CatalogError, errorCatalogue, problemSchema, type ErrorCode } from '@catalog/contracts';
import { z } from 'zod';
import { toProblem } from '../problems/problem.ts';
import type { HeaderFields, ParameterShape, Route, RouteAnswer } from '../routes/route.ts';

type Json = Readonly<Record<string, unknown>>;

export interface OpenApiDocument {
  readonly openapi: '3.1.1';
  readonly info: { readonly title: string; readonly version: string; readonly description: string };
  readonly paths: Readonly<Record<string, Readonly<Record<string, Json>>>>;
  readonly components: Json;
}

/** JSON schema cannot express refinements. What they demand belongs in the description of the field. */
function jsonSchema(schema: z.ZodType, io: 'input' | 'output'): Json {
  const { $schema: _dialect, ...rest } = z.toJSONSchema(schema, {
    target: 'draft-2020-12',
    io,
    unrepresentable: 'any',
  });
  return rest;
}

function parameters(declared: ParameterShape, where: 'path' | 'query'): Json[] {
  if (declared === undefined) return [];
  const { shape } = 'schema' in declared ? declared.schema : declared;
  return Object.entries(shape).map(([name, field]) => {
    const type = field as z.ZodType;
    // Readers of the document look for both at the parameter, not in its schema.
    const { description, examples, ...schema } = jsonSchema(type, 'input');
    return {
      name,
      in: where,
      required: where === 'path' || !isOptional(type),
      ...(description !== undefined && { description }),
      ...(Array.isArray(examples) && { example: examples[0] as unknown }),
      schema,
    };
  });
}

const headerParameters = (fields: HeaderFields = {}): Json[] =>
  Object.values(fields).map(({ name, description, schema }) => ({
    name,
    in: 'header',
    required: !isOptional(schema),
    ...(description !== undefined && { description }),
    schema: jsonSchema(schema, 'input'),
  }));

const isOptional = (type: z.ZodType): boolean => type.safeParse(undefined).success;

const answerHeaders = (described: Readonly<Record<string, string>> = {}, required: boolean): Json =>
  Object.fromEntries(
    Object.entries(described).map(([name, description]) => [
      name,
      { description, required, schema: { type: 'string' } },
    ]),
  );

/** What `limitRate` sends. */
const rateLimitHeaders = answerHeaders(
  {
    'Retry-After': 'Seconds.',
    RateLimit: 'Requests that are left, and seconds until there are more.',
    'RateLimit-Policy': 'The limit, and the seconds that it holds for.',
  },
  true,
);

/** Errors of the handler, and those that follow from what is declared. */
function errorCodes(route: Route, isRateLimited: boolean): Set<ErrorCode> {
  const { params, query, headers, body } = route;
  const isChecked = [params, query, headers, body].some((part) => part !== undefined);
  return new Set([
    ...(isChecked ? (['invalid_request'] as const) : []),
    ...(body === undefined
      ? []
      : (['malformed_request', 'unsupported_media_type', 'request_timeout'] as const)),
    ...(body === undefined || 'streamed' in body ? [] : (['body_too_large'] as const)),
    ...Object.values(headers ?? {}).flatMap((field) => field.errors ?? []),
    ...(route.errors ?? []),
    ...(isRateLimited ? (['rate_limited'] as const) : []),
    'unauthenticated',
    'forbidden',
    'internal_error',
    'unavailable',
  ]);
}

function content({ schema, type = 'application/json', otherTypes = {} }: RouteAnswer): Json {
  const types: Record<string, Json> = Object.fromEntries(
    Object.entries(otherTypes).map(([type, description]) => [
      type,
      { schema: { type: 'string', description } },
    ]),
  );
  if (schema !== undefined) types[type] = { schema: jsonSchema(schema, 'output') };
  return Object.keys(types).length === 0 ? {} : { content: types };
}

function answers(route: Route, isRateLimited: boolean): Json {
  const described: Record<string, Json> = {};
  for (const [status, answer] of Object.entries(route.answers)) {
    described[status] = {
      description: answer.description,
      headers: { ...answerHeaders(answer.headers, true), ...answerHeaders(answer.sometimes, false) },
      ...content(answer),
    };
  }
  const examples: Record<number, Json> = {};
  for (const code of errorCodes(route, isRateLimited)) {
    const { status, title } = errorCatalogue[code];
    const before = described[status]?.['description'];
    examples[status] = { ...examples[status], [code]: { summary: title, value: problemExample(code) } };
    described[status] = {
      description: typeof before === 'string' ? `${before}; ${code}: ${title}` : `${code}: ${title}`,
      ...(code === 'rate_limited' && isRateLimited && { headers: rateLimitHeaders }),
      ...((status === 409 || status === 503) && {
        headers: answerHeaders({ 'Retry-After': 'Seconds.' }, true),
      }),
      content: {
        'application/problem+json': {
          schema: { $ref: '#/components/schemas/Problem' },
          examples: examples[status],
        },
      },
    };
  }
  return described;
}

const problemExample = (code: ErrorCode): Json => {
  const { cause } = errorCatalogue[code];
  return { ...toProblem(new CatalogError(code, cause), 'a1b2c3d4e5f6') };
};

/** A JSON body is the same in all its types; a streamed one differs by type. */
function exampleFor(body: NonNullable<Route['body']>, type: string): Json {
  const example = 'schema' in body ? body.example : body.examples?.[type];
  return example === undefined ? {} : { example };
}

function requestBody(body: NonNullable<Route['body']>): Json {
  const schema = 'schema' in body ? jsonSchema(body.schema, 'input') : {};
  return {
    required: true,
    ...(body.description !== undefined && { description: body.description }),
    content: Object.fromEntries(
      (body.types ?? ['application/json']).map((type) => [type, { schema, ...exampleFor(body, type) }]),
    ),
  };
}

function operation(route: Route, isRateLimited: boolean): Json {
  const scopes = typeof route.scope === 'string' ? [route.scope] : route.scope;
  return {
    // The page groups calls by it: `products` for `/v1/products/{id}`.
    tags: [route.path.split('/')[2] ?? ''],
    summary: route.summary,
    description: [
      ...(route.description === undefined ? [] : [route.description]),
      `Scope: ${scopes.map((scope) => `\`${scope}\``).join(' or ')}.`,
    ].join('\n\n'),
    parameters: [
      ...parameters(route.params, 'path'),
      ...parameters(route.query, 'query'),
      ...headerParameters(route.headers),
    ],
    ...(route.body !== undefined && { requestBody: requestBody(route.body) }),
    responses: answers(route, isRateLimited),
    // Each entry is an alternative.
    security: scopes.map((scope) => ({ serviceToken: [scope] })),
  };
}

/** For people, as Markdown. */
const howToCall = (service: string, scopes: readonly string[]): string =>
  `**Token.** Each call needs \`Authorization: Bearer <token>\`: a JWT for the audience \`${service}\`, signed with EdDSA, valid for at most 5 minutes. ` +
  `The local stack prints one: \`npm run --silent token -- --scope "${scopes.join(' ')}" --aud ${service}\`. ` +
  'Press **Authorize** and paste it to try the calls below. A service signs its own tokens with its key.';
const errors =
  '**Errors** are `application/problem+json` (RFC 9457). `code` says what happened, `errors` names each field and the rule that it breaks.';

/** OpenAPI 3.1 from the declarations that the routes run by. */
export function openApiDocument(options: {
  title: string;
  version: string;
  description: string;
  routes: readonly Route[];
  isRateLimited: boolean;
}): OpenApiDocument {
  const { title, version, description, routes, isRateLimited } = options;
  const paths: Record<string, Record<string, Json>> = {};
  const scopes = [...new Set(routes.flatMap(({ scope }) => scope))].toSorted();
  for (const route of routes) {
    const at = (paths[route.path] ??= {});
    if (route.method in at) throw new Error(`${route.method} ${route.path} is declared twice`);
    at[route.method] = operation(route, isRateLimited);
  }
  return {
    openapi: '3.1.1',
    info: { title, version, description: [description, howToCall(title, scopes), errors].join('\n\n') },
    paths,
    components: {
      schemas: { Problem: jsonSchema(problemSchema, 'output') },
      securitySchemes: {
        serviceToken: {
          type: 'http',
          scheme: 'bearer',
          bearerFormat: 'JWT',
          description: 'Signed with EdDSA, valid for at most 5 minutes.',
        },
      },
    },
  };
}
