import type { ErrorCode } from '@catalog/contracts';
import type { Request, Response } from 'express';
import type { z } from 'zod';
import type { Caller } from '../auth/verify.ts';
import type { RequestCost } from '../rate-limit/limit-rate.ts';
import type { HeaderField } from './header-fields.ts';

/** The document shows the schema, but `check` does the work: it is faster than the schema, or says more than one can. */
export interface CheckedBy<T> {
  readonly schema: z.ZodObject;
  /** @throws CatalogError `invalid_request` */
  check(given: Readonly<Record<string, unknown>>): T;
}

export type ParameterShape = z.ZodObject | CheckedBy<unknown> | undefined;
export type HeaderFields = Readonly<Record<string, HeaderField<unknown>>> | undefined;

/** A body that is read whole, as JSON. */
export interface JsonBody {
  readonly schema: z.ZodType;
  /** Media types; `application/json` alone unless set. */
  readonly types?: readonly string[];
  readonly description?: string;
  /** A body that succeeds. The documents show it, and tests send it. */
  readonly example: unknown;
}

/** A body that the handler reads from the request, as it comes. */
export interface StreamedBody {
  readonly streamed: true;
  readonly types: readonly string[];
  readonly description: string;
  /** By media type. */
  readonly examples?: Readonly<Record<string, string>>;
}
type Body = JsonBody | StreamedBody | undefined;

/** A merge patch (RFC 7396). Plain JSON is read in the same way. */
export const mergePatch = <Schema extends z.ZodType>(schema: Schema, example: z.input<Schema>) => ({
  schema,
  example,
  types: ['application/merge-patch+json', 'application/json'],
});

type OutputOf<S> = S extends z.ZodType ? z.output<S> : S extends CheckedBy<infer T> ? T : undefined;
type BodyOf<B> = B extends JsonBody ? z.output<B['schema']> : undefined;

/** What a handler gets: checked, and typed by the declaration. */
export interface RouteInput<P, Q, H, B> {
  readonly params: OutputOf<P>;
  readonly query: OutputOf<Q>;
  readonly headers: { readonly [Name in keyof H]: H[Name] extends HeaderField<infer T> ? T : never };
  readonly body: BodyOf<B>;
  /** Of a streamed body. */
  readonly mediaType: B extends StreamedBody ? string : undefined;
  readonly caller: Caller;
}

export interface RouteAnswer {
  readonly description: string;
  /** Where there is a JSON body. */
  readonly schema?: z.ZodType;
  /** The media type of the body; `application/json` unless set. */
  readonly type?: string;
  /** What else the body may be: by media type, what it holds. */
  readonly otherTypes?: Readonly<Record<string, string>>;
  /** Headers that every such answer has, and what they mean. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Headers that some such answers have. */
  readonly sometimes?: Readonly<Record<string, string>>;
}

/**
 * Everything about a route. Validation, access, the rate limit, the OpenAPI document and `Allow` come
 * from it.
 */
export interface RouteDeclaration<
  P extends ParameterShape,
  Q extends ParameterShape,
  H extends HeaderFields,
  B extends Body,
> {
  readonly method: 'get' | 'post' | 'put' | 'patch' | 'delete';
  /** As OpenAPI writes it: `/v1/products/{id}`. */
  readonly path: string;
  readonly summary: string;
  readonly description?: string;
  /** The scope that a token needs. Any one of several is enough; refusals name the first. */
  readonly scope: string | readonly [string, ...string[]];
  /** The number of requests that it counts as for the rate limit; 1 unless set. */
  readonly cost?: RequestCost;
  readonly params?: P;
  /** Parameters that it does not name are refused. Without it, the query is not looked at. */
  readonly query?: Q;
  /** By the name that the handler uses. */
  readonly headers?: H;
  readonly body?: B;
  readonly answers: Readonly<Record<number, RouteAnswer>>;
  /** Those of the handler. The others follow from the rest of the declaration. */
  readonly errors?: readonly ErrorCode[];
  handle(input: RouteInput<P, Q, H, B>, res: Response, req: Request): void | Promise<void>;
}

/** A declaration without its types, as one of many. */
export type Route = RouteDeclaration<ParameterShape, ParameterShape, HeaderFields, Body>;

/** Lets TypeScript derive the input of the handler from the rest of the declaration. */
export function route<
  P extends ParameterShape = undefined,
  Q extends ParameterShape = undefined,
  H extends HeaderFields = undefined,
  B extends Body = undefined,
>(declaration: RouteDeclaration<P, Q, H, B>): Route {
  return declaration;
}
