/** The metrics of the worker: names, units and help texts. */
import type { Backlog, ChangeSlotSummary } from '@catalog/change-feed';
import type { AuditResult } from '@catalog/contracts';
import type { Deleted } from '@catalog/database';
import type { Metrics } from '@catalog/service-kit';
import { Counter, Gauge, Histogram } from 'prom-client';

export function createWorkerMetrics({ registry }: Metrics) {
  const registers = [registry];
  const outboxUnapplied = new Gauge({
    name: 'outbox_unapplied_changes',
    help: 'Committed changes that are not yet applied to the cache.',
    registers,
  });
  const outboxOldest = new Gauge({
    name: 'outbox_oldest_unapplied_seconds',
    help: 'Age of the oldest committed change that is not yet applied to the cache.',
    registers,
  });
  const mostDispatches = new Gauge({
    name: 'outbox_most_dispatches',
    help: 'Most dispatches of one unapplied change. More than 2 means that a change cannot be applied.',
    registers,
  });
  const notificationQueue = new Gauge({
    name: 'postgres_notification_queue_usage',
    help: 'Used part of the NOTIFY queue of Postgres, 0 to 1. From 0.5 on, the doorbell is silent.',
    registers,
  });
  const slotLag_bytes = new Gauge({
    name: 'change_slot_lag_bytes',
    help: 'Write-ahead log that was written after the landed position of the change slot. 0 while the slot is not in use.',
    registers,
  });
  const slotLag_s = new Gauge({
    name: 'change_slot_lag_seconds',
    help: 'Age of the landed position of the change slot. 0 while the slot is not in use.',
    registers,
  });
  const slotRetained_bytes = new Gauge({
    name: 'change_slot_retained_bytes',
    help: 'Write-ahead log that Postgres keeps for the change slot. At max_slot_wal_keep_size the slot is lost.',
    registers,
  });
  const rowsExpired = new Counter({
    name: 'rows_expired_total',
    help: 'Deleted rows that were older than their retention time, by kind.',
    labelNames: ['kind'],
    registers,
  });
  const auditedEntries = new Counter({
    name: 'audited_entries_total',
    help: 'Cached entries that the auditor compared with Postgres. Undecided: the feed did not catch up in time.',
    labelNames: ['outcome'],
    registers,
  });
  return {
    observeDeleted(deleted: Deleted) {
      for (const kind of ['tombstones', 'idempotencyKeys', 'imports', 'actions'] as const)
        rowsExpired.inc({ kind }, deleted[kind]);
    },
    historyDaysDropped: new Counter({
      name: 'history_days_dropped_total',
      help: 'Days of the product history that were dropped because they were older than their retention time.',
      registers,
    }),
    keysSetAside: new Gauge({
      name: 'cache_keys_set_aside',
      help: 'Keys that are read past the cache, because the cache Redis refuses to invalidate them.',
      registers,
    }),
    changesApplied: new Counter({
      name: 'changes_applied_total',
      help: 'Changes that were applied to the cache and acknowledged.',
      registers,
    }),
    changesReplayed: new Counter({
      name: 'changes_replayed_total',
      help: 'Changes applied again because a server of the cache has a new incarnation.',
      registers,
    }),
    postgresIncarnations: new Counter({
      name: 'postgres_incarnations_total',
      help: 'How often Postgres was found in another incarnation: on another timeline, or back on the same one.',
      labelNames: ['timeline'],
      registers,
    }),
    changeSlotsLost: new Counter({
      name: 'change_slots_lost_total',
      help: 'How often the change slot was lost, so that the worker purged the cache.',
      registers,
    }),
    changeFresh: new Histogram({
      name: 'change_fresh_seconds',
      help: 'From the commit of a change until no cache serves what was before. A few changes of each acknowledgement, where Postgres runs with track_commit_timestamp.',
      buckets: [0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.125, 0.25, 0.5, 1, 2, 4, 8, 16],
      registers,
    }),
    keysRefreshed: new Counter({
      name: 'keys_refreshed_total',
      help: 'Keys that the worker filled again after their invalidation, because they were in use.',
      registers,
    }),
    failures: new Counter({
      name: 'worker_failures_total',
      help: 'Failures after which a part of the worker went on, by part.',
      labelNames: ['part'],
      registers,
    }),
    observeAudited(found: { right: number; wrong: readonly string[]; undecided: number }) {
      auditedEntries.inc({ outcome: 'right' }, found.right);
      auditedEntries.inc({ outcome: 'undecided' }, found.undecided);
      for (const difference of found.wrong) auditedEntries.inc({ outcome: difference });
    },
    /** Asks for the tallies at each scrape. */
    observeAudits(tallies: () => AuditResult) {
      const wrongFor = new Gauge({
        name: 'audit_wrong_entries',
        help: 'Wrong entries found and repaired since the start, by the least time that they had been wrong.',
        labelNames: ['for'],
        registers,
        collect() {
          for (const { atLeastSeconds, entries } of tallies().wrongFor)
            this.set({ for: `${atLeastSeconds}s` }, entries);
        },
      });
      const nines = new Gauge({
        name: 'audit_nines',
        help: 'Nines of the part of cached entries that were right since the start: 3 means 99.9 %.',
        registers,
        collect() {
          this.set(tallies().nines);
        },
      });
      return { wrongFor, nines };
    },
    observeChangeSlot(slot: ChangeSlotSummary) {
      slotLag_bytes.set(slot.lag_bytes);
      slotLag_s.set(slot.lag_s);
      slotRetained_bytes.set(slot.retained_bytes);
    },
    observeBacklog(backlog: Backlog) {
      outboxUnapplied.set(backlog.unapplied);
      outboxOldest.set(backlog.oldest_ms / 1000);
      mostDispatches.set(backlog.most_dispatches);
      notificationQueue.set(backlog.notification_queue_usage);
    },
  };
}

export type WorkerMetrics = ReturnType<typeof createWorkerMetrics>;
