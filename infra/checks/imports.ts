/** The rules for single import statements, and the search for import cycles. */
import { posix } from 'node:path';
import { testingPackage, type Dependency, type Project } from './rules.ts';
import type { SourceFile } from './sources.ts';

const scope = '@catalog/';

export interface Package extends Project {
  readonly files: readonly SourceFile[];
  /** The keys of `exports` in package.json mapped to files relative to the repository; empty for apps. */
  readonly exports: Readonly<Record<string, string>>;
}

/** Finds imports of another package's inside, of the package's own index, and of packages that package.json does not name. */
export function forbiddenImports(packages: readonly Package[], declared: readonly Dependency[]): string[] {
  const byName = new Map(packages.map((one) => [one.name, one]));
  const edges = new Set(declared.map(({ source, target }) => `${source} ${target}`));
  return packages.flatMap((from) =>
    from.files.flatMap((file) =>
      file.imports.flatMap((specifier) => {
        const reason = reasonAgainst(from, file, specifier, byName, edges);
        return reason === undefined ? [] : [`${file.path} imports ${specifier}: ${reason}`];
      }),
    ),
  );
}

function reasonAgainst(
  from: Package,
  file: SourceFile,
  specifier: string,
  byName: ReadonlyMap<string, Package>,
  edges: ReadonlySet<string>,
): string | undefined {
  if (specifier.startsWith('.')) {
    const target = posix.join(posix.dirname(file.path), specifier);
    if (!target.startsWith(`${from.root}/`)) return 'a relative path leaves the package';
    if (target === from.exports['.'] && !isTest(file))
      return "a package's inside does not import its own index";
    return undefined;
  }
  if (!specifier.startsWith(scope)) return undefined;
  const name = specifier.split('/').slice(0, 2).join('/');
  const to = byName.get(name);
  if (!to) return 'there is no such package';
  if (to === from) return isTest(file) ? undefined : 'a package does not import itself by name';
  const entry = specifier === name ? '.' : `.${specifier.slice(name.length)}`;
  if (to.exports[entry] === undefined) return `${name} does not export "${entry}"`;
  if (name === testingPackage && !isTest(file)) return 'only tests import it';
  if (!edges.has(`${from.name} ${name}`)) return `${from.root}/package.json does not name it`;
  return undefined;
}

/** Tests, their configuration, proofs, folders of test code, and the two apps that are tests themselves. */
function isTest({ path }: SourceFile): boolean {
  return /\.test\.tsx?$|\.config\.ts$|\/testing\/|^libs\/[^/]+\/proof\/|^apps\/(?:benchmark|fault-suite)\//.test(
    path,
  );
}

/** Finds import cycles between files, also across packages. Each cycle is a path that ends with its first file. */
export function importCycles(packages: readonly Package[]): string[] {
  const byName = new Map(packages.map((one) => [one.name, one]));
  const files = new Map(packages.flatMap((one) => one.files.map((file) => [file.path, file])));
  const resolveImport = (file: SourceFile, specifier: string): string | undefined => {
    if (specifier.startsWith('.')) return posix.join(posix.dirname(file.path), specifier);
    const name = specifier.split('/').slice(0, 2).join('/');
    return byName.get(name)?.exports[specifier === name ? '.' : `.${specifier.slice(name.length)}`];
  };
  const cycles: string[] = [];
  const done = new Set<string>();
  const visit = (path: string, trail: readonly string[]): void => {
    const seenAt = trail.indexOf(path);
    if (seenAt !== -1) {
      cycles.push([...trail.slice(seenAt), path].join(' → '));
      return;
    }
    const file = files.get(path);
    if (!file || done.has(path)) return;
    for (const specifier of file.imports) {
      const target = resolveImport(file, specifier);
      if (target !== undefined) visit(target, [...trail, path]);
    }
    done.add(path);
  };
  for (const path of files.keys()) visit(path, []);
  return cycles;
}
