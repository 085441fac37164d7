/**
 * Sends requests at a fixed rate, whether or not earlier ones are answered: `node paced-main.ts URL RATE SECONDS PATHS
 * [HEADER]`. A latency counts from the moment at which the request was due, so a server that stalls cannot hide it
 * (coordinated omission). It never sleeps, because a timer of Node is late by up to a millisecond.
 */
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { once } from 'node:events';
import { median } from '../report/percentiles.ts';

const [url = '', rateText = '', secondsText = '', file = '', header] = process.argv.slice(2);
const { hostname, port } = new URL(url);
const rate_perMs = Number(rateText) / 1_000;
const head = `Host: ${hostname}\r\n${header === undefined ? '' : `${header}\r\n`}\r\n`;
const requests = readFileSync(file, 'utf8')
  .trim()
  .split('\n')
  .map((path) => Buffer.from(`GET ${path} HTTP/1.1\r\n${head}`));

/** The first part of a run is not counted: connections and caches warm up. */
const warm_ms = 500;
const total = Math.floor(rate_perMs * (Number(secondsText) * 1_000 + warm_ms));
const taken_us = new Float64Array(total);
const late_us = new Float64Array(total);

interface Connection {
  readonly socket: Socket;
  request: number;
  /** Bytes of the answer that are still missing; 0 before its head has come. */
  missing: number;
}
const idle: Connection[] = [];
let answered = 0;
let failed = 0;
let began_ms = 0;

function onData(connection: Connection, chunk: Buffer): void {
  if (connection.missing === 0) {
    const end = chunk.indexOf('\r\n\r\n');
    const text = chunk.toString('latin1', 0, end);
    const length = /\ncontent-length: (\d+)/i.exec(text)?.[1];
    if (end < 0 || length === undefined) throw new Error(`The answer has no length:\n${text}`);
    if (!text.startsWith('HTTP/1.1 200')) failed++;
    connection.missing = end + 4 + Number(length) - chunk.length;
  } else connection.missing -= chunk.length;
  if (connection.missing > 0) return;
  const due_ms = began_ms + connection.request / rate_perMs;
  taken_us[connection.request] = (performance.now() - due_ms) * 1_000;
  answered++;
  idle.push(connection);
}

for (let count = 0; count < 64; count++) {
  const socket = connect(Number(port), hostname).setNoDelay(true);
  await once(socket, 'connect');
  const connection = { socket, request: 0, missing: 0 };
  socket.on('data', (chunk: Buffer) => onData(connection, chunk));
  idle.push(connection);
}

began_ms = performance.now();
await new Promise<void>((resolve) => {
  let sent = 0;
  const turn = (): void => {
    const now_ms = performance.now() - began_ms;
    const due = Math.min(total, Math.floor(now_ms * rate_perMs));
    while (sent < due) {
      const connection = idle.pop();
      if (connection === undefined) break;
      connection.request = sent;
      late_us[sent] = (now_ms - sent / rate_perMs) * 1_000;
      connection.socket.write(requests[sent % requests.length] ?? '');
      sent++;
    }
    // The server does not keep up if it has not answered ten seconds after the last request was due.
    if (answered === total || now_ms > total / rate_perMs + 10_000) resolve();
    else setImmediate(turn);
  };
  turn();
});

/**
 * The median of the percentiles of each tenth of a second. A virtual machine stops for tens of milliseconds now and then, and one
 * such stop would be the 99th percentile of a whole second.
 */
function usualPercentile(values: Float64Array, part: number): number {
  const size = Math.floor(rate_perMs * 100);
  const found = [];
  for (let from = Math.floor(rate_perMs * warm_ms); from + size <= answered; from += size) {
    const slice = values.slice(from, from + size).sort();
    found.push(slice[Math.floor(size * part)] ?? Number.NaN);
  }
  return median(found);
}
console.log(
  JSON.stringify({
    requests: total,
    unanswered: total - answered,
    failed,
    p50_us: usualPercentile(taken_us, 0.5),
    p99_us: usualPercentile(taken_us, 0.99),
    late99_us: usualPercentile(late_us, 0.99),
  }),
);
process.exit(0);
