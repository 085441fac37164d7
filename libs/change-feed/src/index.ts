export * from './doorbell/doorbell-listener.ts';
export * from './jobs/queue-room.ts';
export * from './jobs/queues.ts';
export * from './outbox/outbox.ts';
export * from './outbox/watermark.ts';
export * from './relay/awake-lock.ts';
export * from './relay/relay.ts';
