import type { Redis } from 'ioredis';
import {
  encode,
  type Operation,
  type ScriptAnswer,
  type KeyContent,
  transition,
} from '../protocol/entry-protocol.ts';
import { scripts } from '../../src/redis/scripts.ts';

/**
 * A cache Redis that runs the specification of the three scripts on the test's clock. The conformance test
 * compares the real scripts with that specification, so a result from this model holds for the scripts too.
 */
export class ModelRedis {
  incarnation = 'incarnation-1';
  isUp = true;
  #entries = new Map<string, KeyContent>();
  #incarnations = 1;

  at(key: string): KeyContent {
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

  /** As MGET answers it. */
  raw(key: string): Buffer | null {
    const entry = this.at(key);
    return entry === undefined ? null : Buffer.from(encode(entry));
  }

  drop(key: string): void {
    this.#entries.delete(key);
  }

  /** The state that a replica has copied or a dump has saved. */
  snapshot(): ReadonlyMap<string, KeyContent> {
    return new Map(this.#entries);
  }

  beginIncarnation(inherited: ReadonlyMap<string, KeyContent>): void {
    this.#incarnations += 1;
    this.incarnation = `incarnation-${this.#incarnations}`;
    this.#entries = new Map(inherited);
  }
}

/** Translates a script call of EntryStore into an operation of the specification. */
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
        ttl_ms: Number(g),
        payload: h ?? '',
      };
    default:
      throw new Error(`the specification has no script with the hash ${sha}`);
  }
}

/** The part of ioredis that EntryStore uses. The callers decide when Redis runs a call and when the answer arrives. */
export function modelClient(
  call: (key: string, operation: Operation) => Promise<ScriptAnswer>,
  get: (key: string) => Promise<Buffer | null>,
): Redis {
  return {
    getBuffer: get,
    // EntryStore sends the text of a script only to a server that does not know its hash.
    evalBuffer: () => Promise.reject(new Error('the model knows every script')),
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
