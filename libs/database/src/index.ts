export type { Pool, PoolClient } from 'pg';
export { createPool, type DatabaseLog, type PoolOptions, type Queryable } from './postgres/pool.ts';
export {
  setChangedBy,
  withConnection,
  withTransaction,
  type Isolation,
  type TransactionOptions,
} from './postgres/transaction.ts';
export { connectionWarning } from './postgres/connection-limit.ts';
export { isDataException, retryRead } from './postgres/retry-read.ts';
export { optionsOf, sessionOptions } from './postgres/session.ts';
export { fillIn, loadSql } from './postgres/sql.ts';
export { PooledSession, refusePooler, requireDirect } from './postgres/direct.ts';
export { beginIncarnation, confirmPrimary, type Primary } from './postgres/primary.ts';
export { createServicePool, type ServicePool, type ServicePoolOptions } from './postgres/service-pool.ts';
export { readVersionReached, wasNeverDrawn } from './postgres/versions.ts';
export { migrate, type MigrateOptions, type MigrateResult } from './migrations/migrate.ts';
export { MigrationError, type MigrationErrorCode } from './migrations/error.ts';
export { provisionLogins, slotReaders } from './migrations/provision.ts';
export { entityLoaders, type EntityLoaders } from './entities/loaders.ts';
export type { EntityLoader, EntityRow } from './entities/entity-row.ts';
export { loadProductBySku, loadProducts, loadSkus } from './products/load.ts';
export { exportedFields, exportProducts, type ExportedRow } from './products/export/export.ts';
export { forgetWords } from './products/known-words.ts';
export { joinProductCounts } from './products/lists/counts.ts';
export { countFacets } from './products/lists/facets.ts';
export { listProducts, type ProductPage, type ProductPageRequest } from './products/lists/page.ts';
export { jsonBytes, PageRoom } from './products/page-room.ts';
export {
  deleteProduct,
  insertProduct,
  updateProduct,
  type ExpectedVersion,
  type NotChanged,
} from './products/write.ts';
export { type ChangesPage, type ChangesStart, readChanges, readNewest } from './changes/read-changes.ts';
export { type ChangeCursor, readCursor, writeCursor } from './changes/cursor.ts';
export { markChanges } from './changes/mark-changes.ts';
export { readProductHistory, type HistoryRequest } from './products/history.ts';
export { readLastChanges } from './products/last-changes.ts';
export { answerOnce, findAnswer, type KeyedRequest } from './idempotency/answer-once.ts';
export { catalogErrorFor } from './products/violations.ts';
export { loadSettings, updateSettings } from './settings/settings.ts';
export { deleteExpired, type Deleted, type RetentionAges } from './retention/delete-expired.ts';
export { dropExpiredHistory, makeHistoryPartitions } from './retention/history-partitions.ts';
export { LockLost, passFence } from './fences/fence.ts';
export {
  addViews,
  deleteViewsOfDeletedProducts,
  lockViews,
  mostViewedProducts,
  viewsOfProduct,
  type ProductViewCount,
} from './views/views.ts';
