/** A primary and its standby behind one address, which a failover moves. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pause } from '@catalog/runtime';
import {
  copyStopped,
  startPostgres,
  startStandby,
  type PostgresServer,
  type PostgresStandby,
  tcpProxy,
  type TcpProxy,
} from '@catalog/testing';
import { Client } from 'pg';

export interface PostgresPair extends AsyncDisposable {
  /** Through the address that a failover moves. */
  readonly url: string;
  readonly address: TcpProxy;
  readonly primary: PostgresServer;
  /** Makes a standby of the primary, which follows it. `port`: that of a former primary, which comes back as a standby. */
  addStandby(port?: number): Promise<PostgresStandby>;
  /**
   * Kills the primary, so that it is fenced, promotes the standby, and moves the address.
   *
   * @param look runs on the promoted standby before any client reaches it
   * @param lose runs while nothing is replicated: what is committed meanwhile is lost. Without it nothing is lost
   */
  failOver(standby: PostgresStandby, look: Look, lose?: () => Promise<void>): Promise<void>;
  /** Copies the data of the primary, which is down meanwhile. `restore` puts it back, on the same timeline. */
  takeSnapshot(): Promise<{ restore(look: Look): Promise<void> } & AsyncDisposable>;
}

type Look = (sql: Client) => Promise<void>;

// What was acknowledged is in the WAL file, as on a real server.
const config = { track_commit_timestamp: 'on', synchronous_commit: 'on' };

export async function startPostgresPair(): Promise<PostgresPair> {
  await using resources = new AsyncDisposableStack();
  let primary: PostgresServer = resources.use(await startPostgres({ config }));
  const client = new Client({ connectionString: primary.url });
  await client.connect();
  await client.query('create database catalog');
  await client.end();
  const address = resources.use(await tcpProxy({ to: primary.port }));
  const url = new URL(primary.url);
  url.port = String(address.port);
  url.pathname = '/catalog';
  const alone = async (look: Look): Promise<void> => {
    const direct = new URL(primary.url);
    direct.pathname = url.pathname;
    const session = new Client({ connectionString: direct.href });
    await session.connect();
    try {
      await look(session);
    } finally {
      await session.end();
    }
  };
  const owned = resources.move();
  return {
    url: url.href,
    address,
    get primary() {
      return primary;
    },
    async addStandby(port) {
      return owned.use(await startStandby(primary, { config, ...(port !== undefined && { port }) }));
    },
    async failOver(standby, look, lose) {
      await standby.catchUp();
      if (lose !== undefined) {
        await standby.pauseReplication();
        await lose();
      }
      const old = primary;
      address.refuse();
      if (lose === undefined) {
        // Nothing is committed any more, and the standby receives all that was.
        address.cut();
        await pause(100);
        await standby.catchUp();
      }
      await old.kill('SIGKILL');
      address.cut();
      await standby.promote();
      primary = standby;
      await alone(look);
      address.retarget(standby.port);
      address.passThrough();
      // Its port is free for a standby.
      await old.stop();
    },
    async takeSnapshot() {
      const folder = await mkdtemp(join(tmpdir(), 'catalog-faults-snapshot-'));
      await primary.kill('SIGINT');
      await copyStopped(primary.directory, folder);
      await primary.restart();
      return {
        async restore(look) {
          address.refuse();
          await primary.kill('SIGKILL');
          await rm(primary.directory, { recursive: true });
          await copyStopped(folder, primary.directory);
          await primary.restart();
          await alone(look);
          address.passThrough();
        },
        [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
      };
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
