/**
 * Lets the console break parts of this stack. It listens on a socket file in the folder of the stack, which only the user who
 * started it can open.
 */
import { createServer, type ServerResponse } from 'node:http';
import { chmod, rm } from 'node:fs/promises';
import { once } from 'node:events';
import type { Part } from '@catalog/runtime';
import { untilAborted } from '../processes/supervised-process.ts';
import type { Fault } from './faults.ts';

/** A person who has closed the page does not put back what they broke. */
const longest_ms = 120_000;

interface Broken {
  readonly since: string;
  readonly timer: NodeJS.Timeout;
  readonly putBack: () => Promise<void>;
}

export interface BreakServerOptions {
  readonly socketFile: string;
  readonly faults: Readonly<Record<string, Fault>>;
  say(line: string): void;
}

/** `GET /` lists the faults; `POST /name` begins one, `DELETE /name` ends it. */
export class BreakServer implements Part {
  readonly #options: BreakServerOptions;
  readonly #broken = new Map<string, Broken>();
  /** The last change of each fault. They happen in turn: two that begin at once would both put something aside. */
  readonly #changes = new Map<string, Promise<void>>();
  #isStopping = false;

  constructor(options: BreakServerOptions) {
    this.#options = options;
  }

  /** Puts everything back when the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { socketFile, say } = this.#options;
    await rm(socketFile, { force: true });
    const server = createServer(({ method = '', url = '/' }, res) => {
      this.#answer(method, url.slice(1), res).catch((error: unknown) => {
        say(`break it: ${String(error)}`);
        send(res, 500, { error: String(error) });
      });
    });
    server.listen(socketFile);
    await once(server, 'listening');
    await chmod(socketFile, 0o600);
    await untilAborted(signal);
    this.#isStopping = true;
    await Promise.allSettled(
      Object.keys(this.#options.faults).map((name) => this.#inTurn(name, () => this.#end(name))),
    );
    server.closeAllConnections();
    server.close();
    await rm(socketFile, { force: true });
  }

  async #answer(method: string, name: string, res: ServerResponse): Promise<void> {
    if (method === 'GET' && name === '') {
      const names = Object.keys(this.#options.faults);
      send(
        res,
        200,
        names.map((name) => ({ name, since: this.#broken.get(name)?.since ?? null })),
      );
    } else if (!Object.hasOwn(this.#options.faults, name)) send(res, 404, {});
    else if (method === 'POST') {
      await this.#inTurn(name, () => this.#begin(name));
      send(res, 200, {});
    } else if (method === 'DELETE') {
      await this.#inTurn(name, () => this.#end(name));
      send(res, 200, {});
    } else send(res, 405, {});
  }

  async #inTurn(name: string, change: () => Promise<void>): Promise<void> {
    const own = (this.#changes.get(name) ?? Promise.resolve()).catch(() => {}).then(change);
    this.#changes.set(name, own);
    await own;
  }

  async #begin(name: string): Promise<void> {
    if (this.#isStopping) throw new Error('The stack stops, so nothing is broken any more.');
    if (this.#broken.has(name)) return;
    const { faults, say } = this.#options;
    const putBack = await faults[name]?.();
    say(`break it: ${name}`);
    if (putBack === undefined) return;
    const timer = setTimeout(() => {
      this.#inTurn(name, () => this.#end(name)).catch((error: unknown) =>
        say(`break it: ${name} is not put back: ${String(error)}`),
      );
    }, longest_ms);
    this.#broken.set(name, { since: new Date().toISOString(), timer, putBack });
  }

  async #end(name: string): Promise<void> {
    const broken = this.#broken.get(name);
    if (broken === undefined) return;
    this.#broken.delete(name);
    clearTimeout(broken.timer);
    await broken.putBack();
    this.#options.say(`break it: ${name} is put back`);
  }
}

function send(res: ServerResponse, status: number, body: unknown): void {
  res.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body));
}
