import { Validator } from '@seriousme/openapi-schema-validator';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';

interface Described {
  readonly content?: Readonly<Record<string, { readonly schema: object }>>;
  readonly headers?: Readonly<Record<string, { readonly required?: boolean }>>;
}
type Operation = { readonly responses: Readonly<Record<string, Described>> };
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
  /** The operations that describe an answer with this status. */
  describing(status: number): readonly string[];
  /**
   * Fails unless the document describes this answer: its status, type and body, and each required header. For a successful
   * answer it must also describe each header that a client may act on.
   */
  check(operation: string, response: Response): Promise<void>;
}

/** @throws if the document is not valid OpenAPI */
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
  return {
    operations: [...operations.keys()],
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
