/**
 * `.stack/<PORT_BASE>/`: everything that one stack keeps on disk. Two stacks never share a folder. `STACK_FOLDER`
 * replaces `.stack/`.
 */
import { mkdir, rm, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { RunFile, type RunEntry } from './run-file.ts';

export const repositoryRoot = resolve(import.meta.dirname, '../../../..');

export interface StackFolder {
  readonly path: string;
  readonly postgres: string;
  /** Of one Redis server. */
  redis(name: string): string;
  readonly logs: string;
  readonly secretsFile: string;
  readonly publicKeysFile: string;
  /** The private key of a service that calls other services. */
  serviceKeyFile(service: string): string;
  readonly runFile: string;
  /** On it the console asks the stack to break its parts. */
  readonly breakSocket: string;
  /** Exists when the demo catalog was loaded, so that products which a person deleted stay deleted. */
  readonly demoLoadedFile: string;
}

export function stackRoot(env: NodeJS.ProcessEnv): string {
  return resolve(env['STACK_FOLDER'] || join(repositoryRoot, '.stack'));
}

export function stackFolder(base: number, root: string): StackFolder {
  const path = join(root, String(base));
  return {
    path,
    postgres: join(path, 'postgres'),
    redis: (name) => join(path, name),
    logs: join(path, 'logs'),
    secretsFile: join(path, 'secrets.json'),
    publicKeysFile: join(path, 'service-jwks.json'),
    serviceKeyFile: (service) => join(path, `${service}-key.json`),
    runFile: join(path, 'run.json'),
    breakSocket: join(path, 'break.sock'),
    demoLoadedFile: join(path, 'demo-loaded'),
  };
}

export async function createStackFolder(folder: StackFolder): Promise<void> {
  // Postgres refuses to run as root. The user that it then runs as must be able to pass through this folder. Every
  // file and folder inside is closed to others by its own mode.
  await mkdir(folder.path, { recursive: true, mode: 0o711 });
  await mkdir(folder.logs, { recursive: true, mode: 0o700 });
}

/** `npm run reset`: deletes what one stack keeps on disk. @throws StackProblem while the stack runs */
export async function resetStack(
  folder: StackFolder,
  supervisor: RunEntry,
  say: (line: string) => void,
): Promise<void> {
  if (!(await exists(folder.path))) {
    say(`nothing to wipe: there is no ${folder.path}`);
    return;
  }
  await RunFile.claim(folder.runFile, supervisor, say, () => {});
  await rm(folder.path, { recursive: true, force: true });
  say(`wiped ${folder.path}`);
}

export async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch {
    return false;
  }
}
