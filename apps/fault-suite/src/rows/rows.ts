import { attackRows } from './attack-rows.ts';
import { cacheRows } from './cache-rows.ts';
import { changeFeedRows } from './change-feed-rows.ts';
import { changeSlotRows } from './change-slot-rows.ts';
import { chunksRow } from './chunks-row.ts';
import { clockRow } from './clock-row.ts';
import { databaseRows } from './database-rows.ts';
import { deployRows } from './deploy-rows.ts';
import { diskRow } from './disk-row.ts';
import { doorbellRows } from './doorbell-rows.ts';
import { keyViewRow } from './key-view-row.ts';
import { failoverRows } from './failover-rows.ts';
import { keptMemoryRow } from './kept-memory-row.ts';
import { lagRows } from './lag-rows.ts';
import { listRow } from './list-row.ts';
import { historyRow } from './history-row.ts';
import { outageLogRow } from './outage-log-row.ts';
import { overloadRow } from './overload-row.ts';
import { reconnectRow } from './reconnect-row.ts';
import { refusalRows } from './refusal-rows.ts';
import type { Row } from './row.ts';
import { schemaChangeRows } from './schema-change-rows.ts';
import { serverSettingsRow } from './server-settings-row.ts';
import { shardRows } from './shard-rows.ts';
import { stateRedisRow } from './state-redis-row.ts';
import { truncateRow } from './truncate-row.ts';
import { unshowableRows } from './unshowable-rows.ts';
import { viewsRow } from './views-row.ts';

export const rows: readonly Row[] = [
  ...cacheRows,
  ...doorbellRows,
  ...changeFeedRows,
  ...changeSlotRows,
  ...databaseRows,
  ...refusalRows,
  ...deployRows,
  ...failoverRows,
  ...schemaChangeRows,
  ...unshowableRows,
  ...lagRows,
  reconnectRow,
  clockRow,
  diskRow,
  historyRow,
  outageLogRow,
  overloadRow,
  serverSettingsRow,
  keyViewRow,
  keptMemoryRow,
  listRow,
  ...attackRows,
  chunksRow,
  ...shardRows,
  stateRedisRow,
  truncateRow,
  viewsRow,
].sort((a, b) => Number.parseInt(a.id, 10) - Number.parseInt(b.id, 10));
