/** Finds what the pages of the repository name: links, paths in backticks, npm scripts, packages and fault rows. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { codeIn, repositoryRoot } from './sources.ts';

export interface Page {
  /** Relative to the repository. */
  readonly path: string;
  readonly text: string;
}

export interface Repository {
  exists(path: string): boolean;
  /** The npm scripts of the package in a folder; '' is the root. */
  scripts(folder: string): readonly string[];
  /** The ids of the fault suite's rows. */
  faultRows(): readonly string[];
}

export function readPages(): Page[] {
  const packages = ['apps', 'libs'].flatMap((group) =>
    readdirSync(join(repositoryRoot, group)).map((name) => `${group}/${name}/README.md`),
  );
  const docs = readdirSync(join(repositoryRoot, 'docs')).map((name) => `docs/${name}`);
  return ['README.md', 'CONTRIBUTING.md', 'infra/README.md', ...packages, ...docs]
    .filter((path) => path.endsWith('.md') && existsSync(join(repositoryRoot, path)))
    .map((path) => ({ path, text: readFileSync(join(repositoryRoot, path), 'utf8') }));
}

export const thisRepository: Repository = {
  exists: (path) => existsSync(join(repositoryRoot, path)),
  scripts: (folder) => {
    const manifest: unknown = JSON.parse(readFileSync(join(repositoryRoot, folder, 'package.json'), 'utf8'));
    return Object.keys((manifest as { scripts?: Record<string, string> }).scripts ?? {});
  },
  faultRows: () =>
    codeIn('apps/fault-suite/src/rows').flatMap((path) => {
      const ids = readFileSync(join(repositoryRoot, path), 'utf8').matchAll(/\bid: '([^']+)'/g);
      return [...ids].map(([, id = '']) => id);
    }),
};

/** What a page names and the repository does not have. */
export function missingFrom(page: Page, repository: Repository): string[] {
  const folder = posix.dirname(page.path);
  const missing = new Set<string>();
  for (const target of linksOf(page.text)) {
    if (!repository.exists(posix.join(folder, target))) missing.add(`${page.path}: link to ${target}`);
  }
  for (const path of pathsOf(page)) {
    const places = rooted.test(path)
      ? [path]
      : ['.', 'src', 'server'].map((one) => posix.join(folder, one, path));
    if (!places.some((place) => repository.exists(place))) missing.add(`${page.path}: path ${path}`);
  }
  for (const { script, workspace } of scriptsOf(page.text)) {
    const folders = workspace === undefined ? [''] : [`apps/${workspace}`, `libs/${workspace}`];
    const isThere = folders.some(
      (one) => repository.exists(posix.join(one, 'package.json')) && repository.scripts(one).includes(script),
    );
    if (!isThere)
      missing.add(
        `${page.path}: npm run ${script}${workspace === undefined ? '' : ` -w @catalog/${workspace}`}`,
      );
  }
  for (const [, name = ''] of page.text.matchAll(/\b(?:npm test -- -p|nx test) ([a-z-]+)/g)) {
    const isThere = ['apps', 'libs'].some((group) => repository.exists(`${group}/${name}/package.json`));
    if (!isThere) missing.add(`${page.path}: package ${name}`);
  }
  for (const [, list = ''] of page.text.matchAll(/--row ([\w+,]*\d[\w+,]*)/g)) {
    const unknown = list.split(',').filter((id) => id !== '' && !repository.faultRows().includes(id));
    for (const id of unknown) missing.add(`${page.path}: fault row ${id}`);
  }
  return [...missing];
}

function linksOf(text: string): string[] {
  return [...text.matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = '']) => target.replace(/#.*$/, ''))
    .filter((target) => target !== '' && !/^[a-z]+:/.test(target));
}

const rooted = /^(?:apps|libs|infra|docs|\.ci)\/[\w./-]+$/;
/** As the page of a package names its own files and folders. */
const ofPackage = /^(?:src|lua|proof|migrations|server|web|demo|checks)\/[\w./-]+$|^[a-z][a-z-]*\/$/;

/** Paths in backticks, without those that have a placeholder or that a command creates. */
function pathsOf({ path: page, text }: Page): string[] {
  const prose = text.replaceAll(/^```[\s\S]*?^```/gm, '');
  return [...prose.matchAll(/`([^`\s]+)`/g)]
    .map(([, path = '']) => path)
    .filter((path) => rooted.test(path) || (page.endsWith('/README.md') && ofPackage.test(path)))
    .filter((path) => !path.includes('/reports/'));
}

function scriptsOf(text: string): { script: string; workspace: string | undefined }[] {
  return [...text.matchAll(/\bnpm run(?: --silent)? (\w[\w:-]*)(?: -w @catalog\/([\w-]+))?/g)].map(
    ([, script = '', workspace]) => ({ script, workspace }),
  );
}
