/** Who may import whom: the table of the design, as data. Only tests may import `@catalog/testing`. */

/** Each lib by its folder name, and the libs it may import. A lib that is missing here fails the test. */
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
  /** As in package.json and in the graph. */
  readonly name: string;
  /** Relative to the repository, such as `libs/cache`. */
  readonly root: string;
}

export interface Dependency {
  readonly source: string;
  readonly target: string;
}

/** The edges of the project graph that the table forbids, each with the reason. */
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
  // A devDependency of every project; that only its tests use it is checked file by file.
  if (to.name === testingPackage) return undefined;
  if (fromGroup === 'apps') return undefined;
  if (fromGroup !== 'libs') return `${from.root} may import nothing of ours`;
  const allowed = libMayImport[fromName];
  if (allowed === undefined) return `${from.root} has no row in the table (infra/checks/rules.ts)`;
  if (allowed.includes(toName)) return undefined;
  return `it may import ${allowed.length === 0 ? 'nothing of ours' : `only ${allowed.join(', ')}`}`;
}
