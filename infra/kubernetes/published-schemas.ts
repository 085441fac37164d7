/** Compares Kubernetes objects with the schemas that Kubernetes, CloudNativePG and KEDA publish. */

interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string };
}

interface Model {
  readonly prototype: { validate(this: object): void };
}

/** By API group: the package with its schemas. Groups without a dot belong to Kubernetes itself. */
const packages: Readonly<Record<string, string>> = {
  'postgresql.cnpg.io': '@kubernetes-models/cloudnative-pg',
  'keda.sh': '@kubernetes-models/keda',
};

/** @returns what the API server would refuse, and every field that the schema does not know */
export async function violations(manifest: Manifest): Promise<string[]> {
  const { apiVersion, kind } = manifest;
  const group = apiVersion.split('/')[0] ?? '';
  const module = `${packages[group] ?? 'kubernetes-models'}/${apiVersion}`;
  const models = (await import(module)) as Readonly<Record<string, Model | undefined>>;
  const model = models[kind];
  if (model === undefined) return [`${apiVersion} has no kind ${kind}`];
  const read = new Set<string>();
  const found: string[] = [];
  try {
    // Not through the constructor: it copies the object, and so reads every field.
    model.prototype.validate.call(watched(manifest, '', read) as object);
  } catch (error) {
    found.push(error instanceof Error ? error.message : String(error));
  }
  const unread = fields(manifest, '').filter((field) => !read.has(field));
  return [...found, ...unread.map((field) => `${field} is not in the schema`)];
}

/**
 * The schemas allow unknown fields, as the API server does unless asked. But their validators read every field that
 * they know. So a field that nobody reads is a spelling mistake.
 */
function watched(value: unknown, path: string, read: Set<string>): unknown {
  if (typeof value !== 'object' || value === null) return value;
  return new Proxy(value, {
    get(target, name, receiver) {
      const field: unknown = Reflect.get(target, name, receiver);
      if (typeof name !== 'string' || typeof field === 'function') return field;
      read.add(`${path}/${name}`);
      return watched(field, `${path}/${name}`, read);
    },
  });
}

/** The path of every field, also inside lists. */
function fields(value: unknown, path: string): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, field]) => [
    `${path}/${name}`,
    ...fields(field, `${path}/${name}`),
  ]);
}
