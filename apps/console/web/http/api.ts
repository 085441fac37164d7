/** Calls the server of the console. Every error becomes an `ApiError` with a text for people. */

export interface FieldProblem {
  readonly pointer?: string;
  readonly parameter?: string;
  readonly code: string;
  readonly message: string;
}

export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly status: number;
  readonly code: string;
  readonly errors: readonly FieldProblem[];
  /** The whole problem document. */
  readonly body: unknown;

  constructor(
    status: number,
    code: string,
    message: string,
    errors: readonly FieldProblem[] = [],
    body?: unknown,
  ) {
    super(message);
    this.status = status;
    this.code = code;
    this.errors = errors;
    this.body = body;
  }
}

export interface Call {
  readonly method?: string;
  readonly json?: unknown;
  readonly body?: BodyInit;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  /** Sends it even while the page closes. */
  readonly keepalive?: boolean;
}

export interface Answer<T> {
  readonly body: T;
  readonly status: number;
  readonly headers: Headers;
}

/** The answer with its headers. */
export async function callApi<T>(path: string, call: Call = {}): Promise<Answer<T>> {
  const { method = 'GET', json, body, headers, signal, keepalive } = call;
  let response: Response;
  try {
    response = await fetch(path, {
      method,
      // With a header of our own, the browser would not take the answer that the server let it ask for early.
      headers: {
        ...(json !== undefined && { 'Content-Type': 'application/json' }),
        ...headers,
      },
      ...(json !== undefined && { body: JSON.stringify(json) }),
      ...(body !== undefined && { body }),
      ...(signal !== undefined && { signal }),
      ...(keepalive !== undefined && { keepalive }),
    });
  } catch (error) {
    if (signal?.aborted === true) throw error;
    throw new ApiError(0, 'offline', 'The console does not answer. Check that it runs, then try again.');
  }
  if (response.status === 401) signInAgain();
  const text = await response.text();
  const parsed = parseJson(text);
  if (!response.ok) throw problemOf(response.status, parsed);
  return { body: parsed as T, status: response.status, headers: response.headers };
}

/** Only the body of the answer. */
export async function getJson<T>(path: string, signal?: AbortSignal): Promise<T> {
  return (await callApi<T>(path, signal === undefined ? {} : { signal })).body;
}

function parseJson(text: string): unknown {
  try {
    return text === '' ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}

function problemOf(status: number, body: unknown): ApiError {
  const problem = (body ?? {}) as { code?: string; detail?: string; title?: string; errors?: FieldProblem[] };
  return new ApiError(
    status,
    problem.code ?? 'unknown',
    problem.detail ??
      problem.title ??
      `The console answered with status ${status}. Try again. If it stays so, its log says why.`,
    problem.errors,
    body,
  );
}

/** The session has ended. After the sign-in, the person comes back to this page. */
function signInAgain(): void {
  location.assign(`/sign-in?ended&next=${encodeURIComponent(location.pathname + location.search)}`);
}

/** The text of an error for the person who uses the page. */
export function textOf(error: unknown): string {
  return error instanceof Error ? error.message : 'Something failed in this page. Load it again.';
}

/** What the server says about single fields, by their name. */
export function fieldProblems(error: unknown): Readonly<Record<string, string>> {
  if (!(error instanceof ApiError)) return {};
  return Object.fromEntries(
    error.errors.flatMap(({ pointer, message }) => {
      const field = pointer?.split('/')[1];
      return field === undefined ? [] : [[field, message]];
    }),
  );
}
