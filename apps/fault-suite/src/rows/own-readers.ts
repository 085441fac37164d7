/** Clients of the readers that a row starts. They run beside the load. */
import { Agent } from 'node:http';
import { pause } from '@catalog/runtime';
import type { Operation } from '../history/operation.ts';
import { readBody } from '../load/read.ts';
import { anyOf } from '../load/random.ts';
import type { Stage } from './row.ts';

export interface OwnReader {
  readonly name: string;
  readonly url: string;
}

const clients = 4;

/** Reads the keys of the load from these readers while `beside` runs, and records the operations for the checker. */
export async function readBeside<Reader extends OwnReader>(
  { keys, random, load }: Stage,
  readers: readonly Reader[],
  beside: () => Promise<void>,
  look: (reader: Reader, operation: Operation, body: string) => void = () => {},
): Promise<void> {
  const all = [...keys.lasting, ...keys.shortLived];
  const over = new AbortController();
  const client = async (index: number): Promise<void> => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    while (!over.signal.aborted) {
      const reader = anyOf(readers, random);
      const key = anyOf(random() < 0.5 ? all.slice(0, 3) : all, random);
      const question = { client: `own ${index}`, process: reader.name, url: reader.url, key };
      const { operation, body } = await readBody(agent, question);
      load.history.push(operation);
      look(reader, operation, body);
      await pause(8 * random());
    }
    agent.destroy();
  };
  const working = Array.from({ length: clients }, (_, index) => client(index));
  try {
    await beside();
  } finally {
    over.abort();
    await Promise.all(working);
  }
}
