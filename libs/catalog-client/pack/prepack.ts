/**
 * Runs before `npm pack`. Node runs no TypeScript inside node_modules, so the package must hold JavaScript and declarations. It
 * also takes along the two libs of this repository that it needs, because no registry has them. The package.json of the
 * workspace points to the sources; `postpack.ts` puts it back.
 */
import { execFileSync } from 'node:child_process';
import { globSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { manifestFile, packageFolder, savedManifestFile } from './places.ts';

const dist = join(packageFolder, 'dist');
const bundled = ['contracts', 'runtime'] as const;

rmSync(dist, { recursive: true, force: true });
const tsc = resolve(packageFolder, '../../node_modules/.bin/tsc');
execFileSync(tsc, ['-p', join(import.meta.dirname, 'tsconfig.json')], { stdio: 'inherit' });

for (const file of globSync('**/*.{js,d.ts}', { cwd: dist })) {
  const path = join(dist, file);
  const text = bundled.reduce(
    (before, lib) => {
      const target = relative(dirname(path), join(dist, lib, 'src/index.js'));
      return before
        .replaceAll(`'@catalog/${lib}'`, `'${target}'`)
        .replaceAll(`"@catalog/${lib}"`, `'${target}'`);
    },
    readFileSync(path, 'utf8'),
  );
  if (text.includes('@catalog/'))
    throw new Error(`${file} imports a lib that the package does not take along`);
  writeFileSync(path, text);
}

const source = readFileSync(manifestFile, 'utf8');
const {
  private: _private,
  scripts: _scripts,
  devDependencies: _dev,
  nx: _nx,
  ...manifest
} = JSON.parse(source) as {
  private: boolean;
  scripts: object;
  devDependencies: object;
  nx: object;
  dependencies: Record<string, string>;
};
const packed = {
  ...manifest,
  exports: {
    '.': { types: './dist/catalog-client/src/index.d.ts', default: './dist/catalog-client/src/index.js' },
  },
  dependencies: Object.fromEntries(
    Object.entries(manifest.dependencies).filter(([name]) => !name.startsWith('@catalog/')),
  ),
  engines: { node: '>=22' },
};
writeFileSync(savedManifestFile, source);
writeFileSync(manifestFile, `${JSON.stringify(packed, null, 2)}\n`);
