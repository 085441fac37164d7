import { CatalogError } from '@catalog/contracts';
import { limits, timings } from '../timings.ts';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createLoadGuard } from './load-guard.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const unavailable = { code: 'unavailable', retryAfterSeconds: 1 };
const never = () => new Promise<never>(() => undefined);
const fail = () => Promise.reject(new Error('connection refused'));

test('the guard limits the loads that run and the loads that wait, and rejects others at once', async () => {
  const guard = createLoadGuard();
  let running = 0;
  const ends: (() => void)[] = [];
  const load = () =>
    new Promise<string>((resolve) => {
      running += 1;
      ends.push(() => resolve('loaded'));
    });
  const accepted = Array.from({ length: limits.loadConcurrency + limits.loadWaiting }, () => guard(load));
  await expect(guard(load)).rejects.toMatchObject(unavailable);
  expect(running).toBe(limits.loadConcurrency);
  expect(guard.state()).toMatchObject({
    running: limits.loadConcurrency,
    waiting: limits.loadWaiting,
    isOpen: false,
    shed: { busy: 1 },
  });
  while (ends.length > 0) {
    for (const end of ends.splice(0)) end();
    await vi.advanceTimersByTimeAsync(0);
  }
  expect(await Promise.all(accepted)).toHaveLength(accepted.length);
});

test('a load that takes too long is given up by its caller, and keeps its place until it ends', async () => {
  const guard = createLoadGuard();
  const late = guard(never).catch((error: unknown) => error);
  await vi.advanceTimersByTimeAsync(timings.load_ms);
  expect(await late).toMatchObject(unavailable);
  expect(guard.state()).toMatchObject({ running: 1, shed: { slow: 1 } });
  const rest = Array.from({ length: limits.loadConcurrency + limits.loadWaiting - 1 }, () => guard(never));
  for (const one of rest) one.catch(() => undefined);
  await expect(guard(never)).rejects.toMatchObject(unavailable);
});

test('after several failures in a row the guard stops asking Postgres, and tries again later', async () => {
  const guard = createLoadGuard();
  for (let i = 0; i < limits.breakerFailures; i++)
    await expect(guard(fail)).rejects.toMatchObject(unavailable);
  const asked = vi.fn(async () => 'loaded');
  await expect(guard(asked)).rejects.toMatchObject(unavailable);
  expect(asked).not.toHaveBeenCalled();
  expect(guard.state()).toMatchObject({ isOpen: true, shed: { failing: limits.breakerFailures + 1 } });
  await vi.advanceTimersByTimeAsync(timings.loadRetry_ms);
  await expect(guard(asked)).resolves.toBe('loaded');
  expect(guard.state().isOpen).toBe(false);
});

test('an error of the catalogue is passed on unchanged, and does not count as a failure of Postgres', async () => {
  const guard = createLoadGuard();
  const refusal = new CatalogError('not_found', 'no such product');
  for (let i = 0; i < 2 * limits.breakerFailures; i++) {
    await expect(guard(() => Promise.reject(refusal))).rejects.toBe(refusal);
  }
  await expect(guard(async () => 'loaded')).resolves.toBe('loaded');
});
