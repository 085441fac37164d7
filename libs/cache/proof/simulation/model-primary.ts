import type { PayloadLoader } from '../../src/reading/batch-loader.ts';
import type { CallsInFlight } from './calls-in-flight.ts';

export interface Commit {
  readonly key: string;
  readonly version: number;
  readonly isDelete: boolean;
  readonly at_ms: number;
}

/** Postgres, reduced to what the rules need: every commit, each with a version from one sequence. */
export class ModelPrimary {
  readonly commits: Commit[] = [];
  isUp = true;
  readonly #inFlight: CallsInFlight;
  #version = 0;

  constructor(inFlight: CallsInFlight) {
    this.#inFlight = inFlight;
  }

  commit(key: string, isDelete: boolean): Commit {
    this.#version += 1;
    const commit = { key, version: this.#version, isDelete, at_ms: Date.now() };
    this.commits.push(commit);
    return commit;
  }

  newest(key: string): Commit | undefined {
    return this.commits.findLast((commit) => commit.key === key);
  }

  /** One step runs the query: its snapshot holds all keys. A later step delivers the answer. */
  readonly load: PayloadLoader = (keys) =>
    new Promise((resolve, reject) => {
      this.#inFlight.add('Postgres runs a query', () => {
        if (!this.isUp) {
          reject(new Error('the database is down'));
          return;
        }
        const rows = new Map(
          keys.map((key) => {
            const { version = 0, isDelete = true } = this.newest(key) ?? {};
            return [key, { version, payload: isDelete ? null : Buffer.from(String(version)) }];
          }),
        );
        this.#inFlight.add('a query is answered', () => resolve(rows));
      });
    });
}
