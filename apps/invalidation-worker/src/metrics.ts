/** Names, units and help of the worker's own metrics. */
import type { Backlog } from '@catalog/change-feed';
import type { AuditResult } from '@catalog/contracts';
import type { Deleted } from '@catalog/database';
import type { Metrics } from '@catalog/service-kit';
import { Counter, Gauge } from 'prom-client';

export function createWorkerMetrics({ registry }: Metrics) {
  const registers = [registry];
  const outboxUnapplied = new Gauge({
    name: 'outbox_unapplied_changes',
    help: 'Committed changes that are not yet applied to the cache.',
    registers,
  });
  const outboxOldest = new Gauge({
    name: 'outbox_oldest_unapplied_seconds',
    help: 'Age of the oldest of them.',
    registers,
  });
  const mostDispatches = new Gauge({
    name: 'outbox_most_dispatches',
    help: 'How often the most stubborn unapplied change has been dispatched.',
    registers,
  });
  const notificationQueue = new Gauge({
    name: 'postgres_notification_queue_usage',
    help: 'Part of the NOTIFY queue of Postgres that is full; from 0.5 on the doorbell is silent.',
    registers,
  });
  const rowsExpired = new Counter({
    name: 'rows_expired_total',
    help: 'Rows deleted because they were older than they are to be kept, by kind.',
    labelNames: ['kind'],
    registers,
  });
  return {
    observeDeleted(deleted: Deleted) {
      for (const kind of ['history', 'tombstones', 'idempotencyKeys', 'imports'] as const)
        rowsExpired.inc({ kind }, deleted[kind]);
    },
    changesApplied: new Counter({
      name: 'changes_applied_total',
      help: 'Changes whose keys were invalidated and announced.',
      registers,
    }),
    changesReplayed: new Counter({
      name: 'changes_replayed_total',
      help: 'Changes applied again because the cache began another life.',
      registers,
    }),
    keysRefreshed: new Counter({
      name: 'keys_refreshed_total',
      help: 'Keys in use that were filled again after their invalidation.',
      registers,
    }),
    failures: new Counter({
      name: 'worker_failures_total',
      help: 'Failures that were survived, by the part that met them.',
      labelNames: ['part'],
      registers,
    }),
    auditedEntries: new Counter({
      name: 'audited_entries_total',
      help: 'Cached entries that the auditor compared with Postgres. Undecided: the feed did not catch up in time.',
      labelNames: ['outcome'],
      registers,
    }),
    /** Read anew from the auditor at each scrape. */
    observeAudits(tallies: () => AuditResult) {
      const wrongFor = new Gauge({
        name: 'audit_wrong_entries',
        help: 'Wrong entries found and repaired since the start, by how long they had been wrong at least.',
        labelNames: ['for'],
        registers,
        collect() {
          for (const [step, count] of Object.entries(tallies().wrongFor)) this.set({ for: step }, count);
        },
      });
      const nines = new Gauge({
        name: 'audit_nines',
        help: 'How many nines of the cached entries were right since the start; 3 means 99.9 %.',
        registers,
        collect() {
          this.set(tallies().nines);
        },
      });
      return { wrongFor, nines };
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
