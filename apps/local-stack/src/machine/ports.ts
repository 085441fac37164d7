/** The ports of the stack. `PORT_BASE` shifts them all, so that two stacks can run side by side. */
import { createServer } from 'node:net';
import { type Listener, portOffsets } from '@catalog/contracts';
import { StackProblem } from '../problem.ts';
import { portOwner } from './port-owner.ts';

export const host = '127.0.0.1';

export type Ports = Readonly<Record<Listener, number>>;

const defaultBase = 4000;
const highestOffset = Math.max(...Object.values(portOffsets));

/** Browsers and fetch refuse these ports (WHATWG Fetch, 2.9 "Port blocking"). Those below 1024 are left out. */
const blocked = [
  1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697,
  10_080,
];

export function portBase(env: NodeJS.ProcessEnv): number {
  const text = env['PORT_BASE'];
  if (text === undefined || text === '') return defaultBase;
  const base = Number(text);
  if (!Number.isInteger(base) || base < 1024 || base > 65_535 - highestOffset) {
    throw new StackProblem(
      `PORT_BASE is "${text}", which is not a usable port.`,
      `Set it to a whole number from 1024 to ${65_535 - highestOffset}, such as 5000.`,
    );
  }
  const [listener, port] = Object.entries(portsFrom(base)).find(([, each]) => blocked.includes(each)) ?? [];
  if (port !== undefined) {
    throw new StackProblem(
      `With PORT_BASE=${base} ${listener} would get port ${port}, which browsers refuse to open.`,
      `Choose another, such as ${base + 100}.`,
    );
  }
  return base;
}

export function portsFrom(base: number): Ports {
  const entries = Object.entries(portOffsets).map(([name, offset]) => [name, base + offset]);
  return Object.fromEntries(entries) as Record<Listener, number>;
}

/** @throws StackProblem that names every taken port and, if the system tells it, the process that holds it */
export async function requireFree(ports: Ports, listeners: readonly Listener[]): Promise<void> {
  const taken: string[] = [];
  for (const listener of listeners) {
    const port = ports[listener];
    if (await isFree(port)) continue;
    const owner = await portOwner(port);
    const by = owner ? `by ${owner.command} (pid ${owner.pid})` : 'by a process of another user';
    taken.push(`port ${port} (for ${listener}) is taken ${by}`);
  }
  if (taken.length === 0) return;
  throw new StackProblem(
    `${taken.join('; ')}.`,
    `Stop that process, or shift every port of this stack: PORT_BASE=${await freeBase(listeners)} npm start`,
  );
}

/** A base whose ports are all free now. */
async function freeBase(listeners: readonly Listener[]): Promise<number> {
  for (let base = 5000; base < 60_000; base += 100) {
    const ports = listeners.map((listener) => base + portOffsets[listener]);
    if (ports.some((port) => blocked.includes(port))) continue;
    if ((await Promise.all(ports.map(isFree))).every(Boolean)) return base;
  }
  return 5000;
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen({ port, host, exclusive: true }, () => probe.close(() => resolve(true)));
  });
}
