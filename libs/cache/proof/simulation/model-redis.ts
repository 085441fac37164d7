import type { Redis } from 'ioredis';
import { type Operation, type ScriptAnswer, type Slot, transition } from '../protocol/entry-protocol.ts';
import { scripts } from '../../src/redis/scripts.ts';

/**
 * A cache Redis that runs the specification of the three scripts by the test's clock. The conformance test
 * holds the scripts to that specification, so what is found here holds for them.
 */
export class ModelRedis {
  incarnation = 'life-1';
  isUp = true;
  #entries = new Map<string, Slot>();
  #lives = 1;

  at(key: string): Slot {
    const entry = this.#entries.get(key);
    if (entry === undefined || Date.now() < entry.expiresAt_ms) return entry;
    this.#entries.delete(key);
    return undefined;
  }

  run(key: string, operation: Operation): ScriptAnswer {
    const { entry, answer } = transition(this.at(key), operation, Date.now());
    if (entry === undefined) this.#entries.delete(key);
    else this.#entries.set(key, entry);
    return answer;
  }

  drop(key: string): void {
    this.#entries.delete(key);
  }

  /** What a replica has copied, or a dump has saved. */
  snapshot(): ReadonlyMap<string, Slot> {
    return new Map(this.#entries);
  }

  beginLife(inherited: ReadonlyMap<string, Slot>): void {
    this.#lives += 1;
    this.incarnation = `life-${this.#lives}`;
    this.#entries = new Map(inherited);
  }
}

/** What EntryStore sends, as an operation of the specification. */
function parseCall(sha: string, args: readonly (string | number | Buffer)[]): Operation {
  const [a, b, c, d, e, f, g, h] = args.map(String);
  const incarnation = a ?? '';
  switch (sha) {
    case scripts.readOrLease.sha:
      return {
        kind: 'read-or-lease',
        incarnation,
        schema: Number(b),
        token: c ?? '',
        lease_ms: Number(d),
        refreshAhead: Number(e),
      };
    case scripts.fill.sha:
      return {
        kind: 'fill',
        incarnation,
        schema: Number(b),
        token: c ?? '',
        state: d === 'M' ? 'M' : 'V',
        version: Number(e),
        fresh_ms: Number(f),
        life_ms: Number(g),
        payload: h ?? '',
      };
    case scripts.invalidate.sha:
      return { kind: 'invalidate', incarnation, version: Number(b), dead_ms: Number(c) };
    default:
      throw new Error('no such script');
  }
}

/** The part of ioredis that EntryStore uses; `call` decides when the call arrives and when it is answered. */
export function modelClient(call: (key: string, operation: Operation) => Promise<ScriptAnswer>): Redis {
  return {
    evalshaBuffer: async (
      sha: string,
      _count: number,
      key: string,
      ...args: (string | number | Buffer)[]
    ) => {
      const answer = await call(key, parseCall(sha, args));
      return typeof answer === 'number'
        ? answer
        : answer.map((field) => (typeof field === 'string' ? Buffer.from(field) : field));
    },
  } as unknown as Redis;
}
