/** The services of one system. Another release can replace each of them. */
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { pause } from '@catalog/runtime';
import {
  freePort,
  startReader,
  startScript,
  startWorker,
  startWriter,
  tcpProxy,
  type LocalStack,
  type RunningScript,
  type TcpProxy,
} from '@catalog/testing';
import type { Service, Services, Worker } from '../system/services.ts';

export interface Release {
  readonly name: 'old' | 'new';
  /** The folder of its code. */
  readonly repository: string;
}

/** In the order in which they are replaced. */
export const places = ['reader 1', 'reader 2', 'writer', 'worker', 'orders'] as const;
export type Place = (typeof places)[number];

interface Instance {
  readonly name: string;
  readonly process: RunningScript;
}

/** Clients stop calling a process this long before it must end, as behind a load balancer. */
const leave_ms = 500;

const databaseRoles = ['catalog_read', 'catalog_write', 'invalidation_worker', 'orders', 'console'];

/** Migrates the database with the code of this release, as the job of a deployment does. @returns how many files it applied */
export async function migrateWith({ repository }: Release, stack: LocalStack): Promise<number> {
  const logins: Record<string, string> = {};
  for (const role of databaseRoles) logins[role] = new URL(await stack.databaseUrl(role)).password;
  const loginsFile = join(stack.folder, 'logins.json');
  await writeFile(loginsFile, JSON.stringify(logins), { mode: 0o600 });
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [join(repository, 'libs/database/src/migrate-main.ts')],
    { env: { ...process.env, DATABASE_DIRECT_URL: await stack.databaseUrl(), LOGINS_FILE: loginsFile } },
  );
  return Number(/"applied":(\d+)/.exec(stdout)?.[1]);
}

export class Fleet implements Services, AsyncDisposable {
  readonly #stack: LocalStack;
  readonly #running = new Map<Place, Instance>();
  #started = 0;
  /** The fixed address at which orders finds catalog-read, whichever process that is. */
  readonly #readerAddress: TcpProxy;

  private constructor(stack: LocalStack, readerAddress: TcpProxy) {
    this.#stack = stack;
    this.#readerAddress = readerAddress;
  }

  /** Migrates the database, and starts every service of this release. */
  static async start(stack: LocalStack, release: Release): Promise<Fleet> {
    await migrateWith(release, stack);
    const fleet = new Fleet(stack, await tcpProxy({ to: stack.port('catalog-read') }));
    try {
      // A reader is fresh only after it has heard a worker.
      await fleet.replace('worker', release);
      await Promise.all(
        (['reader 1', 'reader 2', 'writer'] as const).map((place) => fleet.replace(place, release)),
      );
      await fleet.replace('orders', release);
    } catch (error) {
      await fleet[Symbol.asyncDispose]();
      throw error;
    }
    return fleet;
  }

  get readers(): readonly Service[] {
    return [this.#serviceAt('reader 1'), this.#serviceAt('reader 2')];
  }

  get writers(): readonly Service[] {
    return [this.#serviceAt('writer')];
  }

  get workers(): readonly Worker[] {
    const { pid } = this.#at('worker').process;
    return [{ ...this.#serviceAt('worker'), signal: async (signal) => void process.kill(pid, signal) }];
  }

  get ordersUrl(): string {
    return this.#at('orders').process.url;
  }

  /** Starts a process of this release beside the former one, sends the clients to it, and ends the former one. */
  async replace(place: Place, release: Release): Promise<void> {
    const started = await this.#startAt(place, release);
    const former = this.#running.get(place);
    this.#running.set(place, {
      name: `${release.name} ${place}, process ${++this.#started}`,
      process: started,
    });
    if (place === 'reader 1') this.#readerAddress.retarget(Number(new URL(started.url).port));
    if (former === undefined) return;
    await pause(leave_ms);
    await endAlive(former);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#running.values()].map(({ process }) => process[Symbol.asyncDispose]()));
    await this.#readerAddress.stop();
  }

  #at(place: Place): Instance {
    const found = this.#running.get(place);
    if (found === undefined) throw new Error(`There is no ${place}.`);
    return found;
  }

  #serviceAt(place: Place): Service {
    const { name, process } = this.#at(place);
    return { name, url: process.url };
  }

  async #startAt(place: Place, { repository }: Release): Promise<RunningScript> {
    const stack = this.#stack;
    switch (place) {
      case 'reader 1':
      case 'reader 2':
        return startReader(stack, { repository });
      case 'writer':
        return startWriter(stack, { repository });
      case 'worker':
        return startWorker(stack, { repository });
      case 'orders':
        return startScript({
          script: 'apps/orders/src/main.ts',
          repository,
          port: await freePort(),
          env: {
            DATABASE_URL: await stack.databaseUrl('orders'),
            CACHE_REDIS_URL: await stack.redisUrl('cache', 'orders'),
            STATE_REDIS_URL: await stack.redisUrl('state', 'orders'),
            SERVICE_JWKS_FILE: join(stack.folder, 'service-jwks.json'),
            SERVICE_KEY_FILE: join(stack.folder, 'orders-key.json'),
            CATALOG_READ_URL: `http://127.0.0.1:${this.#readerAddress.port}`,
            RATE_LIMIT_REQUESTS: '1000000000',
          },
        });
    }
  }
}

/** @throws if the process has already ended by itself: the upgrade must notice a process that dies beside another release */
async function endAlive({ name, process: running }: Instance): Promise<void> {
  try {
    process.kill(running.pid, 0);
  } catch {
    throw new Error(`${name} ended by itself`);
  }
  await running[Symbol.asyncDispose]();
}
