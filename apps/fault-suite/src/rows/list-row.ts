/** A row with a list page that is read while other products change all the time. */
import { timings } from '@catalog/contracts';
import { pause } from '@catalog/runtime';
import { eventually } from '@catalog/testing';
import { call } from '../load/call.ts';
import { anyOf } from '../load/random.ts';
import { demoProducts } from '../system/demo-products.ts';
import type { Row } from './row.ts';

const changesPerSecond = 60;
const time_ms = 6_000;
/** The page ends once a second, and sooner if the worker lags. Without a generation that lasts, each change would end it. */
const loadsPerSecond = 3;
/** At least this many changes and reads a second: far more than there may be loads. */
const leastPerSecond = 10;
const pagePath = '/v1/products?limit=7';

interface Change {
  readonly id: string;
  readonly number: number;
  readonly acknowledged_ms: number;
}

interface Page {
  readonly start_ms: number;
  readonly said: string;
  /** By product: the number of the change that the page shows. */
  readonly shown: ReadonlyMap<string, number>;
}

async function readPage(url: string): Promise<Page> {
  const start_ms = performance.now();
  const { status, headers, body } = await call(undefined, 'GET', `${url}${pagePath}`);
  if (status !== 200) throw new Error(`the page got ${status}: ${body}`);
  const { data } = JSON.parse(body) as { data: readonly { id: string; description: string }[] };
  const shown = data.map(
    ({ id, description }) => [id, Number(/^change (\d+)$/.exec(description)?.[1] ?? 0)] as const,
  );
  return { start_ms, said: String(headers['cache-status']), shown: new Map(shown) };
}

/** How old the page was: the time since the oldest acknowledged change that it lacks. */
function staleness_ms({ start_ms, shown }: Page, changes: readonly Change[]): number {
  const lacking = changes.filter(
    ({ id, number, acknowledged_ms }) => acknowledged_ms < start_ms && number > (shown.get(id) ?? Infinity),
  );
  return Math.max(0, ...lacking.map(({ acknowledged_ms }) => start_ms - acknowledged_ms));
}

export const listRow: Row = {
  id: '53',
  fault: 'other products change all the time while a list page is read',
  injected: `${changesPerSecond} changes a second for ${time_ms / 1_000} s; one client of each reader asks for one page all the time`,
  async inject({ system, random, observe, expect }) {
    const others = await demoProducts(system.sql, 100);
    const [first] = system.readers;
    const { shown } = await eventually(() => readPage(first?.url ?? ''), { timeout_ms: 10_000 });
    const onPage = [...shown.keys()];
    const began_ms = performance.now();
    const isOver = () => performance.now() - began_ms > time_ms;
    const changes: Change[] = [];
    const change = async (): Promise<void> => {
      while (!isOver()) {
        const number = changes.length + 1;
        const id = anyOf(random() < 0.1 ? onPage : others, random);
        const text = 'update catalog.products set description = $2 where id = $1';
        await Promise.all([
          system.sql.query(text, [id, `change ${number}`]),
          pause(1_000 / changesPerSecond),
        ]);
        changes.push({ id, number, acknowledged_ms: performance.now() });
      }
    };
    const pages: Page[] = [];
    const ask = async ({ url }: { readonly url: string }): Promise<void> => {
      while (!isOver()) {
        pages.push(await readPage(url));
        await pause(10);
      }
    };
    await Promise.all([change(), ...system.readers.map(ask)]);
    const seconds = (performance.now() - began_ms) / 1_000;
    const loads = pages.filter(({ said }) => said.includes('fwd=')).length;
    const unmarked = pages.filter(({ said }) => !said.includes('detail=stale'));
    const oldest_ms = Math.max(0, ...unmarked.map((page) => staleness_ms(page, changes)));
    observe(
      `${changes.length} changes; ${pages.length} reads of the page made ${loads} loads in ${seconds.toFixed(1)} s; ` +
        `the oldest page lacked a change for ${oldest_ms.toFixed(0)} ms`,
    );
    expect(
      Math.min(changes.length, pages.length) > leastPerSecond * seconds,
      'there were enough changes and reads',
    );
    expect(
      loads <= loadsPerSecond * seconds,
      `all readers together load the page at most ${loadsPerSecond} times a second`,
    );
    expect(loads >= seconds / (timings.bound_ms / 1_000) - 1, 'the page is loaded again within the bound');
    expect(oldest_ms <= timings.bound_ms, 'the page lacks no change for longer than the bound');
  },
};
