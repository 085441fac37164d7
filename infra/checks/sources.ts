/** Reads the imports of every source file. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

export const repositoryRoot = resolve(import.meta.dirname, '../..');

export interface SourceFile {
  /** Relative to the repository, with `/`. */
  readonly path: string;
  readonly imports: readonly string[];
}

const notOurs = new Set(['node_modules', 'reports', 'coverage', 'dist']);

/** The paths of all code in a folder, relative to the repository. */
export const codeIn = (folder: string): string[] => walk(folder);

export function sourceFiles(projectRoot: string): SourceFile[] {
  return walk(projectRoot).map((path) => ({
    path,
    imports: importsOf(readFileSync(join(repositoryRoot, path), 'utf8')),
  }));
}

function walk(folder: string): string[] {
  return readdirSync(join(repositoryRoot, folder), { withFileTypes: true }).flatMap((entry) => {
    if (notOurs.has(entry.name) || entry.name.startsWith('.')) return [];
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) return walk(path);
    return /\.(?:ts|tsx|mts|mjs|js)$/.test(entry.name) ? [path] : [];
  });
}

/** The specifiers of all imports: static, dynamic, re-exports and types. */
export function importsOf(text: string): string[] {
  const code = text.replaceAll(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '');
  const statements =
    /(?:^|[;\n])\s*(?:import|export)\s(?:[^'"`;]*?\sfrom\s*)?['"]([^'"\n]+)['"]|\bimport\(\s*['"]([^'"\n]+)['"]/g;
  return [...code.matchAll(statements)].map((match) => match[1] ?? match[2] ?? '');
}
