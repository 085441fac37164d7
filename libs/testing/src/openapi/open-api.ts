import { Validator } from '@seriousme/openapi-schema-validator';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';

interface Described {
  readonly content?: Readonly<
    Record<
      string,
      { readonly schema: object; readonly examples?: Readonly<Record<string, { value: unknown }>> }
    >
  >;
  readonly headers?: Readonly<Record<string, { readonly required?: boolean }>>;
}
interface Operation {
  readonly responses: Readonly<Record<string, Described>>;
  readonly parameters?: readonly {
    readonly name: string;
    readonly schema: object;
    readonly example?: unknown;
  }[];
  readonly requestBody?: {
    readonly content: Readonly<Record<string, { readonly schema: object; readonly example?: unknown }>>;
  };
}
interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: object;
}

/** The document must describe these headers of successful answers. `RateLimit` is described once, with 429. */
const describedHeaders = [
  'Age',
  'Cache-Status',
  'Catalog-Version',
  'ETag',
  'Idempotency-Replayed',
  'Location',
] as const;

export interface OpenApiChecker {
  /** Every operation, such as `get /v1/products/{id}`. */
  readonly operations: readonly string[];
  /** The body that the document shows as an example: what to send, and its type. */
  example(operation: string, type?: string): { readonly body: unknown; readonly type: string };
  /** The operations that describe an answer with this status. */
  describing(status: number): readonly string[];
  /**
   * Fails unless the document describes this answer: its status, type and body, and each required header. For a successful
   * answer it must also describe each header that a client may act on.
   */
  check(operation: string, response: Response): Promise<void>;
}

/** The names of all members in the schemas of a document. */
function membersIn(part: unknown, found = new Set<string>()): ReadonlySet<string> {
  if (typeof part !== 'object' || part === null) return found;
  for (const [name, inner] of Object.entries(part)) {
    if (name === 'properties') for (const member of Object.keys(inner as object)) found.add(member);
    membersIn(inner, found);
  }
  return found;
}

/** @throws if the document is not valid OpenAPI, a body has no example, or an example does not fit its schema */
export async function openApiChecker(url: string): Promise<OpenApiChecker> {
  const served = (await (await fetch(url)).json()) as Record<string, unknown>;
  const { valid, errors } = await new Validator().validate(structuredClone(served));
  if (!valid)
    throw new Error(`The document is not valid OpenAPI: ${JSON.stringify(errors)?.slice(0, 2_000)}`);

  const document = served as unknown as Document;
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  addFormats.default(ajv);
  const operations = new Map<string, Operation>(
    Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]): [string, Operation] => [
        `${method} ${path}`,
        operation,
      ]),
    ),
  );
  const misnamed = [...membersIn(document)].filter((name) => !/^[a-z][A-Za-z0-9]*$/.test(name));
  if (misnamed.length > 0) throw new Error(`Members are not in camelCase: ${misnamed.join(', ')}`);
  const misfit = (schema: object, example: unknown): string | undefined =>
    ajv.validate({ ...schema, components: document.components }, example) ? undefined : ajv.errorsText();
  for (const [name, { parameters = [], requestBody, responses }] of operations) {
    for (const { content = {} } of Object.values(responses))
      for (const { schema, examples = {} } of Object.values(content)) {
        for (const example of (schema as { examples?: unknown[] }).examples ?? []) {
          const wrong = misfit(schema, example);
          if (wrong !== undefined) throw new Error(`${name}: the example of its answer is wrong: ${wrong}`);
        }
        for (const [code, { value }] of Object.entries(examples)) {
          const wrong = misfit(schema, value);
          if (wrong !== undefined) throw new Error(`${name}: the example of ${code} is wrong: ${wrong}`);
        }
      }

    for (const { name: parameter, schema, example } of parameters) {
      const wrong = example === undefined ? undefined : misfit(schema, example);
      if (wrong !== undefined) throw new Error(`${name}: the example of ${parameter} is wrong: ${wrong}`);
    }
    for (const [type, { schema, example }] of Object.entries(requestBody?.content ?? {})) {
      const wrong = example === undefined ? 'it is missing' : misfit(schema, example);
      if (wrong !== undefined) throw new Error(`${name}: the example of ${type} is wrong: ${wrong}`);
    }
  }
  return {
    operations: [...operations.keys()],
    example(name, wanted) {
      const content = operations.get(name)?.requestBody?.content ?? {};
      const type = wanted ?? Object.keys(content)[0] ?? '';
      return { body: content[type]?.example, type };
    },
    describing: (status) =>
      [...operations].filter(([, { responses }]) => status in responses).map(([name]) => name),
    async check(name, response) {
      const fail = (what: string): never => {
        throw new Error(`${name} → ${response.status}: ${what}`);
      };
      const described =
        operations.get(name)?.responses[response.status] ?? fail('the status is not described');
      const text = await response.text();
      const headers = described.headers ?? {};
      const missing = Object.keys(headers).filter(
        (header) => headers[header]?.required === true && !response.headers.has(header),
      );
      if (missing.length > 0) fail(`required headers are missing: ${missing.join(', ')}`);
      const undescribed = describedHeaders.filter(
        (header) => response.headers.has(header) && !(header in headers),
      );
      if (response.ok && undescribed.length > 0) fail(`headers are not described: ${undescribed.join(', ')}`);
      if (described.content === undefined) {
        if (text !== '') fail(`the body is not described: ${text}`);
        return;
      }
      const type = response.headers.get('content-type')?.split(';')[0] ?? '';
      const { schema } = described.content[type] ?? fail(`${type} is not described`);
      const matches = ajv.validate(
        { ...schema, components: document.components },
        /[/+]json$/.test(type) ? JSON.parse(text) : text,
      );
      if (!matches) fail(`${ajv.errorsText()}: ${text.slice(0, 2_000)}`);
    },
  };
}
