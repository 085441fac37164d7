/** A client that places orders, repeats some of the requests, and counts the results. */
import { randomUUID } from 'node:crypto';
import { pause } from '@catalog/runtime';
import type { LocalStack } from '@catalog/testing';
import { call, type Answer } from '../load/call.ts';
import { anyOf } from '../load/random.ts';
import type { Fleet } from './fleet.ts';

export interface OrdersSeen {
  /** The ids of the orders that were acknowledged. */
  readonly placed: readonly string[];
  /** The answers of tries that placed no order. */
  readonly failed: readonly string[];
  /** Orders that no try has placed. */
  readonly lost: number;
  /** Repetitions with the same key that were not answered with the same order. */
  readonly doubled: number;
}

export const stockedPieces = 1_000_000;
const pause_ms = 40;
const mostTries = 5;

export class OrdersLoad {
  readonly #fleet: Fleet;
  readonly #stack: LocalStack;
  readonly #over = new AbortController();

  constructor(fleet: Fleet, stack: LocalStack) {
    this.#fleet = fleet;
    this.#stack = stack;
  }

  /** Puts pieces of these products into the stock. */
  async stock(skus: readonly string[]): Promise<void> {
    for (const sku of skus) {
      const path = `/v1/stock/${encodeURIComponent(sku)}/adjustments`;
      const { status, body } = await this.#post(path, { delta: stockedPieces, reason: 'upgrade' });
      if (status !== 200) throw new Error(`the stock of ${sku} was refused: ${status} ${body}`);
    }
  }

  /** Places orders of one piece each until `stop` is called. */
  async run(customerId: string, skus: readonly string[], random: () => number): Promise<OrdersSeen> {
    const placed: string[] = [];
    const failed: string[] = [];
    let [lost, doubled] = [0, 0];
    while (!this.#over.signal.aborted) {
      const key = randomUUID();
      const order = { customerId, lines: [{ sku: anyOf(skus, random), quantity: 1 }] };
      const id = await this.#place(order, key, failed);
      if (id === undefined) lost += 1;
      else {
        placed.push(id);
        // Like a client that lost the answer, it repeats the request. A process of another release may answer.
        if (random() < 0.25 && (await this.#place(order, key, failed)) !== id) doubled += 1;
      }
      await pause(pause_ms * 2 * random());
    }
    return { placed, failed, lost, doubled };
  }

  stop(): void {
    this.#over.abort();
  }

  /** @returns the id; undefined if no try was answered with an order */
  async #place(order: object, key: string, failed: string[]): Promise<string | undefined> {
    for (let attempt = 1; attempt <= mostTries; attempt++) {
      const said = await this.#post('/v1/orders', order, { 'idempotency-key': key }).then(
        ({ status, body }) => {
          if (status === 201) return { id: (JSON.parse(body) as { id: string }).id };
          return { text: `${status} ${body.slice(0, 200)}` };
        },
        (error: unknown) => ({ text: String(error) }),
      );
      if ('id' in said) return said.id;
      failed.push(said.text);
      await pause(100);
    }
    return undefined;
  }

  async #post(path: string, body: object, headers: Record<string, string> = {}): Promise<Answer> {
    const text = JSON.stringify(body);
    const token = await this.#stack.token('orders', 'orders:write');
    return call(
      undefined,
      'POST',
      `${this.#fleet.ordersUrl}${path}`,
      {
        authorization: `Bearer ${token}`,
        'content-type': 'application/json',
        'content-length': String(Buffer.byteLength(text)),
        'idempotency-key': randomUUID(),
        ...headers,
      },
      text,
    );
  }
}
