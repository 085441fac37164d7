import { createLogger } from '@catalog/service-kit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runningConsole, type RunningConsole } from '../testing/running-console.ts';
import { queueBoard, queuesPath } from './routes.ts';

/** The fields of an Express route that this test reads. */
interface Layer {
  readonly route?: { readonly path: string | string[]; _methods(): string[] };
  readonly handle?: { readonly stack?: readonly Layer[] };
}

function routesOf(stack: readonly Layer[]): [method: string, path: string][] {
  return stack.flatMap(({ route, handle }) => {
    if (route !== undefined)
      return [route.path]
        .flat()
        .flatMap((path) => route._methods().map((method): [string, string] => [method, path]));
    return handle?.stack === undefined ? [] : routesOf(handle.stack);
  });
}

function mountedRoutes(): [method: string, path: string][] {
  const board = queueBoard('admin', [], createLogger({ service: 'test', level: 'silent' }));
  const { router } = board.getRouter() as { router: { stack: readonly Layer[] } };
  return routesOf(router.stack).filter(([method]) => method !== 'HEAD');
}

const jobName = 'job-that-nobody-may-see';
const secretData = 'data-that-nobody-may-see';

let running: RunningConsole;
let jobId = '';
beforeAll(async () => {
  running = await runningConsole();
});
afterAll(() => running[Symbol.asyncDispose]());

/** Resets the queue to one waiting job. */
async function fill(): Promise<void> {
  await running.queues.refresh.resume();
  await running.queues.refresh.obliterate({ force: true });
  const job = await running.queues.refresh.add(jobName, { keys: [{ entity: secretData, key: 'k' }] });
  jobId = job.id ?? '';
}

const concrete = (path: string): string =>
  queuesPath +
  path
    .replace(':queueName', 'refresh')
    .replace(':jobId', jobId)
    .replace(':queueStatus', 'waiting')
    .replace(':schedulerId', 'none');

/** Everything that Redis stores about the queues. */
async function state(): Promise<unknown> {
  const keys = (await running.redis.keys('bull:*')).sort();
  return Promise.all(keys.map(async (key) => [key, (await running.redis.dump(key)) ?? '']));
}

test('the dashboard has the routes that this file tests', () => {
  const methods = mountedRoutes().map(([method]) => method);
  expect(methods.filter((method) => method === 'GET').length).toBeGreaterThanOrEqual(15);
  expect(methods.filter((method) => method !== 'GET').length).toBeGreaterThanOrEqual(20);
  expect(new Set(methods)).toEqual(new Set(['GET', 'POST', 'PUT', 'PATCH']));
});

describe.each(mountedRoutes())('%s %s', (method, path) => {
  const reads = method === 'GET';

  test('shows and does nothing without a session', async () => {
    await fill();
    const before = await state();
    for (const accept of ['*/*', 'text/html']) {
      for (const cookie of [undefined, 'console=s%3Aforged.AAAA']) {
        const answer = await running.call(method, concrete(path), { cookie, headers: { Accept: accept } });
        const text = await answer.text();
        expect(answer.status).toBe(accept === 'text/html' && reads ? 302 : 401);
        expect(text).not.toContain(jobName);
        expect(text).not.toContain(secretData);
      }
    }
    expect(await state()).toEqual(before);
  });

  test(`${reads ? 'answers' : 'refuses'} a viewer`, async () => {
    await fill();
    const before = await state();
    const cookie = await running.signIn('viewer');
    const answer = await running.call(method, concrete(path), { cookie, ...(reads ? {} : { json: {} }) });
    // The console shows the addresses of other clients to nobody, not even to an admin.
    if (path.endsWith('/workers')) expect(answer.status).toBe(403);
    else if (reads) expect([200, 404, 405]).toContain(answer.status);
    else expect(answer.status).toBe(403);
    expect(await state()).toEqual(before);
  });
});

test('a viewer sees the jobs on a board in read-only mode', async () => {
  await fill();
  const cookie = await running.signIn('viewer');
  const answer = await running.call('GET', '/queues/api/queues?activeQueue=refresh&status=waiting', {
    cookie,
  });
  const { queues } = (await answer.json()) as {
    queues: { readOnlyMode: boolean; jobs: { name: string }[] }[];
  };
  expect(queues.map(({ readOnlyMode }) => readOnlyMode)).toEqual([true, true]);
  expect(queues.flatMap(({ jobs }) => jobs.map(({ name }) => name))).toEqual([jobName]);
});

test('an admin can pause and resume a queue and remove a job', async () => {
  await fill();
  const cookie = await running.signIn('admin');
  const put = async (path: string): Promise<boolean> =>
    (await running.call('PUT', `/queues/api/queues/refresh${path}`, { cookie, json: {} })).ok;
  expect(await put('/pause')).toBe(true);
  expect(await running.queues.refresh.isPaused()).toBe(true);
  expect(await put('/resume')).toBe(true);
  expect(await running.queues.refresh.isPaused()).toBe(false);
  expect(await put(`/${jobId}/clean`)).toBe(true);
  expect(await running.queues.refresh.getJob(jobId)).toBeUndefined();
});

test.each([
  ['POST', '/add', { name: 'invalidate', data: { changes: [] } }],
  ['PATCH', '/:jobId/update-data', { jobData: { keys: [{ entity: 'product', key: 'another' }] } }],
  ['PATCH', '/:jobId/priority', { priority: 1 }],
  ['PUT', '/concurrency', { concurrency: 1 }],
  ['PATCH', '/job-schedulers/none', {}],
] as const)('even an admin may not %s %s: no job is added or edited by hand', async (method, path, json) => {
  await fill();
  const before = await state();
  const cookie = await running.signIn('admin');
  const answer = await running.call(method, concrete(`/api/queues/refresh${path}`), { cookie, json });
  expect(answer.status).toBe(403);
  expect(await state()).toEqual(before);
});

test('an admin cannot obliterate a queue, and every action is logged with who', async () => {
  await fill();
  const cookie = await running.signIn('admin');
  const put = (act: string) => running.call('PUT', `/queues/api/queues/refresh/${act}`, { cookie, json: {} });
  expect((await put('obliterate')).status).toBe(403);
  expect(await running.queues.refresh.getWaitingCount()).toBe(1);
  expect((await put('pause')).ok).toBe(true);
  // It is logged when the answer has ended.
  await expect
    .poll(running.lastAction)
    .toMatchObject({ user: 'admin', action: 'queue.pause', target: 'refresh', status: 200 });
  await put('resume');
});

test('the state names who paused a queue, as the audit log has it', async () => {
  const cookie = await running.signIn('admin');
  const acted = async (act: string, target: string) => {
    const path = target === 'all queues' ? act : `${target}/${act}`;
    await running.call('PUT', `/queues/api/queues/${path}`, { cookie, json: {} });
    await expect.poll(running.lastAction).toMatchObject({ action: `queue.${act}`, target, status: 200 });
  };
  const paused = async (): Promise<unknown> => {
    // An answer is shared for a second.
    await running.clock.advance(1_000);
    const answer = await running.call('GET', '/api/state', { cookie });
    const { queues } = (await answer.json()) as { queues: { name: string; paused?: object }[] };
    return queues.find(({ name }) => name === 'refresh')?.paused;
  };
  await acted('pause', 'refresh');
  await expect.poll(paused).toEqual({ by: 'admin', sinceMs: expect.closeTo(Date.now(), -4) as number });
  await acted('resume', 'refresh');
  expect(await paused()).toBeUndefined();
  await acted('pause', 'all queues');
  await expect.poll(paused).toMatchObject({ by: 'admin' });
  await acted('resume', 'all queues');
  await running.queues.refresh.pause();
  expect(await paused()).toEqual({});
  await running.queues.refresh.resume();
});

test('the page names no other host and has no inline style', async () => {
  const cookie = await running.signIn('viewer');
  const page = await (await running.call('GET', '/queues/', { cookie })).text();
  expect(page).toContain('<div id="root"></div>');
  expect(page).not.toMatch(/https?:|style=|<style/);
});

test('a failure shows no internals', async () => {
  const cookie = await running.signIn('viewer');
  await running.redis.set('bull:refresh:completed', 'not a sorted set');
  try {
    const answer = await running.call('GET', '/queues/api/queues', { cookie });
    const text = await answer.text();
    expect(answer.status).toBe(500);
    expect(text).not.toMatch(/WRONGTYPE|bull:|node_modules| at /);
    expect(text).toContain('Something failed on our side');
  } finally {
    await running.redis.del('bull:refresh:completed');
  }
});
