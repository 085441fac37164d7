import { defineScript, runScript } from '@catalog/redis';
import type { Redis } from 'ioredis';

const renewScript = defineScript<string>(import.meta.url, './renew.lua');
const releaseScript = defineScript<number>(import.meta.url, './release.lua');

/** A page renews every 5 s. After a crash of its browser the product is free again this long later. */
const editing_ms = 15_000;

const keyOf = (productId: string): string => `editing:${productId}`;

/** Who edits a product, so that two people do not begin at once. It forbids nothing: saves are held apart by `If-Match`. */
export class Editing {
  readonly #redis: Redis;

  constructor(redis: Redis) {
    this.#redis = redis;
  }

  /** Begins or renews. @returns who edits the product now */
  begin(productId: string, username: string): Promise<string> {
    return runScript(this.#redis, renewScript, [keyOf(productId)], [username, editing_ms]);
  }

  async end(productId: string, username: string): Promise<void> {
    await runScript(this.#redis, releaseScript, [keyOf(productId)], [username]);
  }
}
