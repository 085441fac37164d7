/** A row with a near cache that hears no invalidation, on a connection that looks healthy. */
import { timings } from '@catalog/contracts';
import { pause } from '@catalog/runtime';
import { eventually, startReader } from '@catalog/testing';
import { channelProxy } from '../system/channel-proxy.ts';
import { metric } from '../system/metrics.ts';
import { readBeside } from './own-readers.ts';
import type { Row } from './row.ts';

export const nearCacheRow: Row = {
  id: '35',
  fault: 'the near cache is cut off',
  injected:
    'a proxy drops every byte of the invalidation channel of another reader; the connections stay open, and its commands pass',
  quick: true,
  onCluster: 'same',
  async inject(stage) {
    const { system, patience, observe, expect } = stage;
    await using doors = await system.cache.behind('catalog-read', channelProxy);
    await using another = await startReader(system.stack, { env: { CACHE_REDIS_URL: doors.url } });
    const near: number[] = [];
    const isSound = async () => (await metric(another.url, 'near_cache_sound')) === 1;
    let [cut_ms, healed_ms, others] = [0, 0, 0];
    await readBeside(
      stage,
      [{ name: 'reader without a channel', url: another.url }],
      async () => {
        await eventually(() => near.length > 20, { timeout_ms: 10_000 });
        cut_ms = performance.now();
        for (const proxy of doors.proxies) proxy.cutSubscribers();
        await pause(Math.max(4_000, 10_000 * patience));
        expect(!(await isSound()), 'the metric shows that the near cache is silent');
        healed_ms = performance.now();
        for (const proxy of doors.proxies) proxy.passThrough();
        await eventually(isSound, { timeout_ms: 10_000, interval_ms: 50 });
        await eventually(() => near.some((at_ms) => at_ms >= healed_ms), { timeout_ms: 10_000 });
      },
      (_reader, { start_ms, said }) => {
        if (said?.includes('detail=near')) near.push(start_ms);
        else if (cut_ms > 0 && healed_ms === 0) others += 1;
      },
    );
    const silent_ms = Math.max(0, ...near.filter((at_ms) => at_ms < healed_ms)) - cut_ms;
    const again_ms = Math.min(...near.filter((at_ms) => at_ms >= healed_ms)) - healed_ms;
    const before = near.filter((at_ms) => at_ms < cut_ms).length;
    observe(
      `${before} near hits before; the last one ${silent_ms.toFixed(0)} ms after the cut, then ${others} other answers; ` +
        `near hits again ${again_ms.toFixed(0)} ms after the channel was restored`,
    );
    expect(before > 20 && others > 20, 'there were enough reads before and during the cut');
    expect(
      silent_ms <= timings.heartbeatOverdue_ms,
      'the near cache goes silent when a heartbeat is overdue',
    );
    expect(Number.isFinite(again_ms), 'the near cache serves again');
  },
};
