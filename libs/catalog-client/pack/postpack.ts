/** Runs after `npm pack`: puts the package.json of the workspace back. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { manifestFile, savedManifestFile } from './places.ts';

writeFileSync(manifestFile, readFileSync(savedManifestFile));
rmSync(dirname(savedManifestFile), { recursive: true });
