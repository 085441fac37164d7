import { defineScript } from '@catalog/redis';

export { runScriptForBuffers as runScript } from '@catalog/redis';

const define = (...files: Parameters<typeof defineScript> extends [string, ...infer Files] ? Files : never) =>
  defineScript<unknown>(import.meta.url, ...files);

export const scripts = {
  readOrLease: define('../../lua/life.lua', '../../lua/entry.lua', '../../lua/read_or_lease.lua'),
  fill: define('../../lua/entry.lua', '../../lua/fill.lua'),
  invalidate: define('../../lua/entry.lua', '../../lua/invalidate.lua'),
  invalidateEach: define(
    '../../lua/entry.lua',
    { file: '../../lua/invalidate.lua', asFunction: 'invalidate' },
    '../../lua/invalidate_each.lua',
  ),
  heartbeat: define('../../lua/life.lua', '../../lua/heartbeat.lua'),
};
