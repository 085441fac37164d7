import { hostileHeaderValues, hostileStrings } from './hostile-strings.ts';

interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query' | 'header';
}
interface Operation {
  readonly parameters: readonly Parameter[];
  readonly requestBody?: { readonly content: Readonly<Record<string, unknown>> };
}

/** Values with which each operation succeeds, so that the hostile value is the only fault of a request. */
export interface Examples {
  /** By name, for every path parameter. */
  readonly path: Readonly<Record<string, string>>;
  /** By name, such as `If-Match`. They are sent to every operation that declares them. */
  readonly headers?: Readonly<Record<string, string>>;
  /** By operation, such as `post /v1/products`, for every operation with a body: JSON, or plain text. */
  readonly bodies?: Readonly<Record<string, unknown>>;
}

export interface HostileRequest {
  /** Operation, parameter and value, for the message of a failure. */
  readonly what: string;
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

/**
 * Makes requests with every hostile value, as every path, query and header parameter of every operation in an OpenAPI
 * document, as an undeclared query parameter, and as every member of a JSON body.
 *
 * @throws if an operation has no example, for instance because the route is new
 */
export async function hostileRequests(documentUrl: string, examples: Examples): Promise<HostileRequest[]> {
  const { paths } = (await (await fetch(documentUrl)).json()) as {
    paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  };
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).flatMap(([method, operation]) => [
      ...requestsOf(method, path, operation, examples),
    ]),
  );
}

function* requestsOf(
  method: string,
  template: string,
  { parameters, requestBody }: Operation,
  examples: Examples,
): Generator<HostileRequest> {
  const name = `${method} ${template}`;
  const [type] = Object.keys(requestBody?.content ?? {});
  const example = examples.bodies?.[name];
  if (type !== undefined && example === undefined)
    throw new Error(`There is no example of a body for ${name}.`);
  const text = (body: unknown) => (typeof body === 'string' ? body : JSON.stringify(body));
  const declared = parameters.filter((parameter) => parameter.in === 'header').map((header) => header.name);
  const request = (
    what: string,
    {
      path = {},
      query = '',
      headers = {},
      body = example,
    }: Partial<Record<'path' | 'headers', Record<string, string>>> & {
      query?: string;
      body?: unknown;
    },
  ): HostileRequest => ({
    what: `${name}: ${what}`,
    method: method.toUpperCase(),
    path:
      template.replaceAll(/\{(\w+)\}/g, (_, parameter: string) => {
        const value = path[parameter] ?? examples.path[parameter];
        if (value === undefined) throw new Error(`There is no example of ${parameter} for ${name}.`);
        return encoded(value);
      }) + query,
    headers: {
      ...Object.fromEntries(
        Object.entries(examples.headers ?? {}).filter(([header]) => declared.includes(header)),
      ),
      ...(type !== undefined && { 'Content-Type': type }),
      ...headers,
    },
    ...(type !== undefined && { body: text(body) }),
  });

  for (const parameter of parameters) {
    const values = parameter.in === 'header' ? hostileHeaderValues : hostileStrings;
    for (const value of values) {
      const what = `${parameter.name} = ${JSON.stringify(value)}`;
      if (parameter.in === 'path') yield request(what, { path: { [parameter.name]: value } });
      else if (parameter.in === 'header') yield request(what, { headers: { [parameter.name]: value } });
      else yield request(what, { query: `?${parameter.name}=${encoded(value)}` });
    }
  }
  for (const value of hostileStrings) {
    yield request(`undeclared ${JSON.stringify(value)}`, { query: `?${encoded(value)}=1` });
    if (typeof example !== 'object' || example === null) continue;
    for (const [pointer, body] of replacements(example, value)) {
      yield request(`${pointer} = ${JSON.stringify(value)}`, { body });
    }
  }
}

const encoded = (value: string) => encodeURIComponent(value.toWellFormed());

/** Copies of the JSON. In each copy the value replaces another leaf. */
function* replacements(json: unknown, value: string): Generator<[pointer: string, replaced: unknown]> {
  if (typeof json !== 'object' || json === null) {
    yield ['', value];
    return;
  }
  for (const [key, member] of Object.entries(json)) {
    for (const [pointer, replaced] of replacements(member, value)) {
      const copy = Array.isArray(json) ? json.with(Number(key), replaced) : { ...json, [key]: replaced };
      yield [`/${key}${pointer}`, copy];
    }
  }
}
