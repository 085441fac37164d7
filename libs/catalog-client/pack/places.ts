import { join, resolve } from 'node:path';

export const packageFolder = resolve(import.meta.dirname, '..');
export const manifestFile = join(packageFolder, 'package.json');
/** The package.json of the workspace while `npm pack` needs another one. */
export const savedManifestFile = join(packageFolder, 'dist/package.workspace.json');
