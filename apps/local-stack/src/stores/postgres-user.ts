/** Postgres refuses to run as root. For root it runs as the system user `postgres`, which is created if it is missing. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { StackProblem } from '../problem.ts';

export interface SystemUser {
  readonly uid: number;
  readonly gid: number;
}

const run = promisify(execFile);
const name = 'postgres';

/** @returns undefined when we are not root. Postgres then runs as our own user. */
export async function postgresUser(): Promise<SystemUser | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const existing = await find();
  if (existing) return existing;
  try {
    await run('useradd', ['--system', '--user-group', '--no-create-home', name]);
  } catch (cause) {
    throw new StackProblem(
      'Postgres does not run as root, and the user "postgres" could not be created.',
      `Run npm start as another user than root, or type: useradd --system --user-group ${name}`,
      { cause },
    );
  }
  return find();
}

async function find(): Promise<SystemUser | undefined> {
  try {
    const [uid, gid] = await Promise.all(
      ['-u', '-g'].map(async (flag) => Number((await run('id', [flag, name])).stdout)),
    );
    return uid === undefined || gid === undefined ? undefined : { uid, gid };
  } catch {
    return undefined;
  }
}
