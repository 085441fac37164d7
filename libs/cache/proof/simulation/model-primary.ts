import type { PayloadLoader } from '../../src/reading/batch-loader.ts';
import type { CallsInFlight } from './calls-in-flight.ts';

/** Runs when a query reaches the server. Returns whether that server is a standby that the process takes for the primary. */
export type Session = () => boolean;

export interface Commit {
  readonly key: string;
  readonly version: number;
  readonly isDelete: boolean;
  readonly at_ms: number;
}

/**
 * Postgres, reduced to what the rules need: every commit, each with a version from one sequence. It may go back to an
 * earlier state. Then it is in another incarnation, and its versions continue beyond those that were served.
 */
export class ModelPrimary {
  readonly commits: Commit[] = [];
  /** Committed, and lost when Postgres went back. */
  readonly lost: Commit[] = [];
  incarnation = 1;
  isUp = true;
  /** How many of the next queries fail. */
  failures = 0;
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

  goBack(commits: number): void {
    this.lost.push(...this.commits.splice(Math.max(0, this.commits.length - commits)));
    this.incarnation += 1;
    this.#version += 1_000;
  }

  isLost(key: string, version: number): boolean {
    return this.lost.some((commit) => commit.key === key && commit.version === version);
  }

  /** What a standby holds that has not received the newest commits. */
  #onStandby(key: string): Commit | undefined {
    return this.commits.findLast((commit, index) => commit.key === key && index < this.commits.length - 2);
  }

  newest(key: string): Commit | undefined {
    return this.commits.findLast((commit) => commit.key === key);
  }

  /**
   * One step runs the query: its snapshot holds all keys. A later step delivers the answer.
   *
   * @param session what a session of the process finds; it throws where it refuses the server
   */
  readonly load = (keys: readonly string[], session: Session): ReturnType<PayloadLoader> =>
    new Promise((resolve, reject) => {
      this.#inFlight.add('Postgres runs a query', () => {
        if (!this.isUp || this.failures > 0) {
          this.failures = Math.max(0, this.failures - 1);
          reject(new Error('the database is down'));
          return;
        }
        let isStandby: boolean;
        try {
          isStandby = session();
        } catch (error) {
          reject(error instanceof Error ? error : new Error(String(error)));
          return;
        }
        const rows = new Map(
          keys.map((key) => {
            const row = isStandby ? this.#onStandby(key) : this.newest(key);
            const { version = 0, isDelete = true } = row ?? {};
            return [key, { version, payload: isDelete ? null : Buffer.from(String(version)) }];
          }),
        );
        this.#inFlight.add('a query is answered', () => resolve(rows));
      });
    });
}
