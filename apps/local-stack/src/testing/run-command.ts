import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { StackPlace } from '@catalog/testing';
import { repositoryRoot } from '../machine/stack-folder.ts';

export interface StartedCommand {
  readonly child: ChildProcess;
  /** The exit code, and what it wrote. */
  readonly result: Promise<[number | null, string]>;
}

/** Starts a command of the stack as npm does, in the folder of the stack. */
export function startCommand(place: StackPlace, ...args: string[]): StartedCommand {
  const child = spawn(process.execPath, [join(repositoryRoot, 'apps/local-stack/src/main.ts'), ...args], {
    cwd: repositoryRoot,
    // npm sets INIT_CWD. Paths are relative to it.
    env: {
      ...process.env,
      INIT_CWD: place.root,
      PORT_BASE: String(place.base),
      STACK_FOLDER: place.root,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said = Promise.all([text(child.stdout), text(child.stderr)]).then((parts) => parts.join(''));
  const ended = once(child, 'exit').then(([code]) => code as number | null);
  return { child, result: Promise.all([ended, said]) };
}
