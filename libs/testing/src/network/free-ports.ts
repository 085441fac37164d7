import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';

/** A port that is free now. Another process may take it before the caller does, so the caller must be able to retry. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** The first of `size` ports in a row that are free now. It is below the range from which the system serves clients. */
export async function freePortRange(size: number): Promise<number> {
  for (let attempt = 0; attempt < 100; attempt++) {
    // Above 10080, the last port that fetch and browsers refuse to open.
    const base = 10_120 + 80 * Math.floor(Math.random() * 250);
    const free = await Promise.all(Array.from({ length: size }, (_, offset) => isFree(base + offset)));
    if (free.every(Boolean)) return base;
  }
  throw new Error(`There are no ${size} free ports in a row.`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });
}
