/** Which package may import which. Only tests may import `@catalog/testing`. */

/** By lib: the libs that it may import. A lib without a row fails the test. */
const libMayImport: Readonly<Record<string, readonly string[]>> = {
  runtime: [],
  contracts: [],
  redis: ['contracts', 'runtime'],
  database: ['contracts', 'runtime'],
  cache: ['contracts', 'runtime', 'redis'],
  'change-feed': ['contracts', 'runtime', 'database'],
  'service-kit': ['contracts', 'runtime', 'redis'],
  'catalog-client': ['contracts', 'runtime'],
  testing: ['contracts', 'runtime'],
};

export const testingPackage = '@catalog/testing';

export interface Project {
  /** The name in package.json and in the project graph. */
  readonly name: string;
  /** Relative to the repository, such as `libs/cache`. */
  readonly root: string;
}

export interface Dependency {
  readonly source: string;
  readonly target: string;
}

/** Finds dependencies that the table forbids. @returns one sentence for each */
export function forbiddenDependencies(
  projects: readonly Project[],
  dependencies: readonly Dependency[],
): string[] {
  const byName = new Map(projects.map((project) => [project.name, project]));
  return dependencies.flatMap(({ source, target }) => {
    const from = byName.get(source);
    const to = byName.get(target);
    if (!from || !to) return [];
    const reason = reasonAgainst(from, to);
    return reason === undefined ? [] : [`${from.root} → ${to.root}: ${reason}`];
  });
}

function reasonAgainst(from: Project, to: Project): string | undefined {
  const [fromGroup, fromName = ''] = from.root.split('/');
  const [toGroup, toName = ''] = to.root.split('/');
  if (toGroup !== 'libs') return 'only libs can be imported';
  // It is a devDependency of every project. Another check makes sure that only tests import it.
  if (to.name === testingPackage) return undefined;
  if (fromGroup === 'apps') return undefined;
  if (fromGroup !== 'libs') return `${from.root} may import nothing of ours`;
  const allowed = libMayImport[fromName];
  if (allowed === undefined) return `${from.root} has no row in the table (infra/checks/rules.ts)`;
  if (allowed.includes(toName)) return undefined;
  return `it may import ${allowed.length === 0 ? 'nothing of ours' : `only ${allowed.join(', ')}`}`;
}
