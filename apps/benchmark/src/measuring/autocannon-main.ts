/** The load generator where wrk is missing: `node autocannon-main.ts URL CONNECTIONS SECONDS PATHS START RATE [HEADER]`. */
import { readFileSync } from 'node:fs';
import autocannon from 'autocannon';

const [url = '', connections = '', seconds = '', file = '', start = '', rate = '', header] =
  process.argv.slice(2);
const paths = readFileSync(file, 'utf8').trim().split('\n');
const [name = '', value = ''] = header?.split(': ') ?? [];
let position = Number(start);
const before = process.cpuUsage();
const result = await autocannon({
  url,
  connections: Number(connections),
  duration: Number(seconds),
  ...(Number(rate) > 0 && { overallRate: Number(rate) }),
  headers: header === undefined ? {} : { [name]: value },
  requests: [
    {
      method: 'GET',
      setupRequest: (request) => ({ ...request, path: paths[position++ % paths.length] ?? '/' }),
    },
  ],
});
const { user, system } = process.cpuUsage(before);
console.log(
  JSON.stringify({
    requests: result.requests.total,
    duration_us: result.duration * 1e6,
    failed: result.errors + result.timeouts + result.non2xx,
    cpu_us: user + system,
    p50_us: result.latency.p50 * 1e3,
    p99_us: result.latency.p99 * 1e3,
  }),
);
