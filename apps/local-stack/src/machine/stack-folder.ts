/** `.stack/<PORT_BASE>/`: all that one stack keeps on disk. Two stacks never share a folder. `STACK_FOLDER` names another place than `.stack/`. */
import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';

export const repositoryRoot = resolve(import.meta.dirname, '../../../..');

export interface StackFolder {
  readonly path: string;
  readonly postgres: string;
  readonly cacheRedis: string;
  readonly stateRedis: string;
  readonly logs: string;
  readonly secretsFile: string;
  readonly publicKeysFile: string;
  /** Of a service that signs its calls to others. */
  serviceKeyFile(service: string): string;
  readonly runFile: string;
  /** Exists once the demo catalog was loaded, so that products deleted on purpose stay deleted. */
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
    cacheRedis: join(path, 'cache-redis'),
    stateRedis: join(path, 'state-redis'),
    logs: join(path, 'logs'),
    secretsFile: join(path, 'secrets.json'),
    publicKeysFile: join(path, 'service-jwks.json'),
    serviceKeyFile: (service) => join(path, `${service}-key.json`),
    runFile: join(path, 'run.json'),
    demoLoadedFile: join(path, 'demo-loaded'),
  };
}

export async function createStackFolder(folder: StackFolder): Promise<void> {
  // Postgres refuses to run as root; the user it then runs as must be able to pass through. Every file and
  // folder inside is closed to others by its own mode.
  await mkdir(folder.path, { recursive: true, mode: 0o711 });
  for (const path of [folder.cacheRedis, folder.stateRedis, folder.logs]) {
    await mkdir(path, { recursive: true, mode: 0o700 });
  }
}
