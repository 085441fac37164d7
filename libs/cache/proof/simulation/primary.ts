import type { Load } from '../../src/reading/batch-loader.ts';
import type { Underway } from './underway.ts';

export interface Commit {
  readonly key: string;
  readonly version: number;
  readonly isDelete: boolean;
  readonly at_ms: number;
}

/** Postgres, as far as this matters: rows with versions from one sequence, and all that was ever committed. */
export class Primary {
  readonly commits: Commit[] = [];
  isUp = true;
  readonly #underway: Underway;
  #version = 0;

  constructor(underway: Underway) {
    this.#underway = underway;
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

  /** Arrives at one time, in whose snapshot all keys are read, and is answered at another. */
  readonly load: Load = (keys) =>
    new Promise((resolve, reject) => {
      this.#underway.add('a load arrives', () => {
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
        this.#underway.add('a load is answered', () => resolve(rows));
      });
    });
}
