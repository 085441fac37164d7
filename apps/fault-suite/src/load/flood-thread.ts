/** The thread of a flood. It answers how often each status came; 0 stands for no answer. */
import { parentPort, workerData } from 'node:worker_threads';
import { call } from './call.ts';
import { agentAt, type Flood } from './flood.ts';

const { url, shots, time_ms } = workerData as Flood;
const statuses = new Map<number, number>();
const end_ms = performance.now() + time_ms;
await Promise.all(
  shots.map(async ({ method, paths }) => {
    const agent = agentAt(1);
    for (let n = 0; performance.now() < end_ms; n++) {
      const status = await call(agent, method, url + paths[n % paths.length]).then(
        (answer) => answer.status,
        () => 0,
      );
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }
    agent.destroy();
  }),
);
// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a port of a thread has no origin
parentPort?.postMessage(statuses);
