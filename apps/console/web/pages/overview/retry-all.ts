/** Runs the failed jobs of a queue again, and says how they ended. */
import { say } from '../../elements/say.ts';
import { amount, count } from '../../elements/values.tsx';
import { callApi, getJson } from '../../http/api.ts';
import type { QueueState, SystemState } from './state.ts';

/** The server answers the same state for a second, so one that is younger is from after the retry. */
const stateAge_ms = 1_200;
const look_ms = 500;
/** Most jobs end within milliseconds. Those that wait for a worker are left alone. */
const patience_ms = 6_000;

const pause = (time_ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, time_ms));

async function stateOf(name: string): Promise<QueueState | undefined> {
  const { queues } = await getJson<SystemState>('/api/state');
  return queues.find((queue) => queue.name === name);
}

/** Without this the page would show the same sentence before and after, if all jobs failed again. */
export async function retryAll(name: string): Promise<void> {
  const failed = (await stateOf(name))?.counts?.failed ?? 0;
  await callApi(`/queues/api/queues/${name}/retry/failed`, { method: 'PUT', json: {} });
  const from_ms = performance.now();
  await pause(stateAge_ms);
  let now = await stateOf(name);
  while (isRunning(now) && performance.now() - from_ms < patience_ms) {
    await pause(look_ms);
    now = await stateOf(name);
  }
  sayEnd(name, failed, now);
}

/** A delayed job has failed, and its next try comes later. */
const isRunning = (queue: QueueState | undefined): boolean =>
  queue?.counts === undefined || queue.counts.waiting + queue.counts.active + queue.counts.delayed > 0;

function sayEnd(name: string, before: number, now: QueueState | undefined): void {
  const all = amount(before, 'job', 'jobs');
  if (isRunning(now)) say(`${all} of ${name} run again`, { detail: 'They have not ended yet.' });
  else {
    const failed = now?.counts?.failed ?? 0;
    if (failed === 0) say(`Retried: ${all} of ${name} succeeded`);
    else
      say(`Retried: ${count(failed)} of ${all} failed again`, {
        kind: 'bad',
        detail: 'The dashboard shows why, and can remove them.',
        action: {
          name: 'Show them',
          run: () => location.assign(`/queues/queue/${name}?status=failed`),
        },
      });
  }
}
