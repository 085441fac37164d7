import { limits, timings } from '../timings.ts';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createCacheBreaker } from './cache-breaker.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test('a cache that fails is left alone; then one call finds out whether it is back', async () => {
  const breaker = createCacheBreaker();
  const fails = vi.fn(() => Promise.reject(new Error('Command timed out')));
  for (let i = 0; i < limits.breakerFailures; i++)
    await expect(breaker.execute(fails)).rejects.toThrow('timed out');
  await expect(breaker.execute(fails)).rejects.toThrow();
  expect(fails).toHaveBeenCalledTimes(limits.breakerFailures);
  expect(breaker.isOpen()).toBe(true);

  await vi.advanceTimersByTimeAsync(timings.breakerRetry_ms);
  await expect(breaker.execute(fails)).rejects.toThrow('timed out');
  await expect(breaker.execute(fails)).rejects.toThrow();
  expect(fails).toHaveBeenCalledTimes(limits.breakerFailures + 1);

  await vi.advanceTimersByTimeAsync(timings.breakerRetry_ms);
  await expect(breaker.execute(async () => 'answer')).resolves.toBe('answer');
  await expect(breaker.execute(async () => 'answer')).resolves.toBe('answer');
  expect(breaker.isOpen()).toBe(false);
});
