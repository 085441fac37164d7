import { errorCatalogue, problemSchema, type ErrorCode } from '@catalog/contracts';
import { z } from 'zod';

type Json = Readonly<Record<string, unknown>>;

export interface OpenApiDocument {
  readonly openapi: '3.1.1';
  readonly info: { readonly title: string; readonly version: string; readonly description?: string };
  readonly paths: Readonly<Record<string, Readonly<Record<string, Json>>>>;
  readonly components: Json;
}

export interface RouteDescription {
  readonly method: 'get' | 'post' | 'put' | 'patch' | 'delete';
  /** As OpenAPI writes it: `/v1/products/{id}`. */
  readonly path: string;
  readonly summary: string;
  readonly description?: string;
  /** Empty or left out where no token is needed. */
  readonly scopes?: readonly string[];
  readonly params?: z.ZodObject;
  readonly query?: z.ZodObject;
  /** Request headers; the keys are header names. */
  readonly headers?: z.ZodObject;
  readonly body?: {
    readonly schema?: z.ZodType;
    readonly types?: readonly string[];
    readonly description?: string;
  };
  /** By status. `schema` where there is a body. Error answers are named by `errors`. */
  readonly responses: Readonly<
    Record<
      number,
      {
        readonly description: string;
        readonly schema?: z.ZodType;
        /** Of every such answer. */
        readonly headers?: Readonly<Record<string, string>>;
        readonly sometimes?: Readonly<Record<string, string>>;
      }
    >
  >;
  readonly errors?: readonly ErrorCode[];
}

/** Refinements have no JSON schema; what they say stands in the description of the field, if anywhere. */
function jsonSchema(schema: z.ZodType, io: 'input' | 'output'): Json {
  const { $schema: _dialect, ...rest } = z.toJSONSchema(schema, {
    target: 'draft-2020-12',
    io,
    unrepresentable: 'any',
  });
  return rest;
}

function parameters(schema: z.ZodObject | undefined, where: 'path' | 'query' | 'header'): Json[] {
  return Object.entries(schema?.shape ?? {}).map(([name, field]) => {
    const type = field as z.ZodType;
    return {
      name,
      in: where,
      required: where === 'path' || !type.safeParse(undefined).success,
      schema: jsonSchema(type, 'input'),
    };
  });
}

const headers = (described: Readonly<Record<string, string>> = {}, required: boolean): Json =>
  Object.fromEntries(
    Object.entries(described).map(([name, description]) => [
      name,
      { description, required, schema: { type: 'string' } },
    ]),
  );

/** What `limitRate` says. */
const rateLimitHeaders = headers(
  {
    'Retry-After': 'Seconds.',
    RateLimit: 'Requests that are left, and seconds until there are more.',
    'RateLimit-Policy': 'The limit, and the seconds that it holds for.',
  },
  true,
);

function operation(route: RouteDescription): Json {
  const scopes = route.scopes ?? [];
  const responses: Record<string, Json> = {};
  for (const [status, response] of Object.entries(route.responses)) {
    responses[status] = {
      description: response.description,
      headers: { ...headers(response.headers, true), ...headers(response.sometimes, false) },
      ...(response.schema !== undefined && {
        content: { 'application/json': { schema: jsonSchema(response.schema, 'output') } },
      }),
    };
  }
  const always: ErrorCode[] = [
    ...(scopes.length > 0 ? (['unauthenticated', 'forbidden'] as const) : []),
    ...(route.body !== undefined ? (['request_timeout'] as const) : []),
    'internal_error',
    'unavailable',
  ];
  for (const code of [...(route.errors ?? []), ...always]) {
    const { status, title } = errorCatalogue[code];
    const before = responses[status]?.['description'];
    responses[status] = {
      description: typeof before === 'string' ? `${before}; ${code}: ${title}` : `${code}: ${title}`,
      ...(code === 'rate_limited' && { headers: rateLimitHeaders }),
      content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
    };
  }
  const bodySchema = route.body?.schema === undefined ? {} : jsonSchema(route.body.schema, 'input');
  return {
    summary: route.summary,
    ...(route.description !== undefined && { description: route.description }),
    parameters: [
      ...parameters(route.params, 'path'),
      ...parameters(route.query, 'query'),
      ...parameters(route.headers, 'header'),
    ],
    ...(route.body !== undefined && {
      requestBody: {
        required: true,
        ...(route.body.description !== undefined && { description: route.body.description }),
        content: Object.fromEntries(
          (route.body.types ?? ['application/json']).map((type) => [type, { schema: bodySchema }]),
        ),
      },
    }),
    responses,
    ...(scopes.length > 0 && { security: [{ serviceToken: scopes }] }),
  };
}

/** OpenAPI 3.1 from the same schemas that check the requests. */
export function openApiDocument(options: {
  title: string;
  version: string;
  description?: string;
  routes: readonly RouteDescription[];
}): OpenApiDocument {
  const paths: Record<string, Record<string, Json>> = {};
  for (const route of options.routes) {
    const at = (paths[route.path] ??= {});
    if (route.method in at) throw new Error(`${route.method} ${route.path} is described twice`);
    at[route.method] = operation(route);
  }
  return {
    openapi: '3.1.1',
    info: {
      title: options.title,
      version: options.version,
      ...(options.description !== undefined && { description: options.description }),
    },
    paths,
    components: {
      schemas: { Problem: jsonSchema(problemSchema, 'output') },
      securitySchemes: {
        serviceToken: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT, EdDSA, at most 5 minutes' },
      },
    },
  };
}
