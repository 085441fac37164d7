/**
 * `node infra/image/production-manifests.mjs FROM TO`: writes the files that decide which packages are installed to the
 * folder TO: the lockfile, npm's settings, and each package.json without devDependencies. npm installs the
 * devDependencies of a workspace even with `--omit=dev`.
 */
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const [from, to] = process.argv.slice(2);
if (from === undefined || to === undefined) {
  console.error('Name both folders: node infra/image/production-manifests.mjs . /manifests');
  process.exit(2);
}

const workspaces = ['apps', 'libs'].flatMap((group) =>
  readdirSync(join(from, group)).map((name) => `${group}/${name}/package.json`),
);
for (const file of ['package.json', ...workspaces]) {
  const manifest = /** @type {Record<string, unknown>} */ (
    JSON.parse(readFileSync(join(from, file), 'utf8'))
  );
  delete manifest['devDependencies'];
  mkdirSync(dirname(join(to, file)), { recursive: true });
  writeFileSync(join(to, file), JSON.stringify(manifest, null, 2));
}
for (const file of ['package-lock.json', '.npmrc']) cpSync(join(from, file), join(to, file));
