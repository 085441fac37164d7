/** The workspace as Nx sees it. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import type { Dependency } from './rules.ts';
import type { Package } from './imports.ts';
import { repositoryRoot, sourceFiles } from './sources.ts';

const graphSchema = z.object({
  graph: z.object({
    nodes: z.record(z.string(), z.object({ data: z.object({ root: z.string() }) })),
    dependencies: z.record(z.string(), z.array(z.object({ source: z.string(), target: z.string() }))),
  }),
});
const manifestSchema = z.object({ exports: z.record(z.string(), z.string()).default({}) });

export interface Workspace {
  readonly packages: readonly Package[];
  readonly dependencies: readonly Dependency[];
}

export function readWorkspace(): Workspace {
  const folder = mkdtempSync(join(tmpdir(), 'project-graph-'));
  try {
    const file = join(folder, 'graph.json');
    execFileSync(
      process.execPath,
      [join(repositoryRoot, 'node_modules/nx/dist/bin/nx.js'), 'graph', `--file=${file}`],
      {
        cwd: repositoryRoot,
        env: { ...process.env, NX_DAEMON: 'false' },
        stdio: 'pipe',
      },
    );
    const { graph } = graphSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
    const packages = Object.entries(graph.nodes).map(([name, { data }]) => ({
      name,
      root: data.root,
      files: sourceFiles(data.root),
      exports: exportsOf(data.root),
    }));
    return { packages, dependencies: Object.values(graph.dependencies).flat() };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function exportsOf(root: string): Record<string, string> {
  let text: string;
  try {
    text = readFileSync(join(repositoryRoot, root, 'package.json'), 'utf8');
  } catch {
    // infra/ is no package.
    return {};
  }
  const { exports } = manifestSchema.parse(JSON.parse(text));
  return Object.fromEntries(
    Object.entries(exports).map(([key, file]) => [key, `${root}/${file.replace('./', '')}`]),
  );
}
