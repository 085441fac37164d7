/**
 * A reader imports this before its own code. After a read by SKU has asked Postgres, it pauses before it accepts the row, as
 * a process does that is paused. It writes the file `HOLD_FILE`, and goes on when somebody deletes that.
 */
import { existsSync, writeFileSync } from 'node:fs';
import { createCache, type EntityCache } from '@catalog/cache';
import { PRODUCT } from '@catalog/contracts';
import { pause } from '@catalog/runtime';

const file = process.env['HOLD_FILE'] ?? '';
let held = false;

/** It is never started. Its entities have the class of those that the reader uses. */
const unused = createCache({
  url: 'redis://127.0.0.1:1',
  name: 'unused',
  database: { currentIncarnation: async () => '' },
  onError() {},
});
const entity = unused.define(PRODUCT, async () => new Map());
const prototype = Object.getPrototypeOf(entity) as Pick<EntityCache, 'admitPrimaryRead'>;
const { admitPrimaryRead } = prototype;
prototype.admitPrimaryRead = async function admitLater(...read) {
  if (!held) {
    held = true;
    writeFileSync(file, '');
    while (existsSync(file)) await pause(20);
  }
  return admitPrimaryRead.apply(this, read);
};
