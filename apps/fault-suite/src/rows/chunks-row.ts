/** A row with connections that each send chunks of many requests. docs/security.md, row 82. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { Chunks, SentChunks } from '../load/chunks-thread.ts';
import { attack_ms, attackedReader, besideReader } from './beside-reader.ts';
import type { Row } from './row.ts';

const connections = 400;
const chunk_KiB = 64;

export const chunksRow: Row = {
  id: '79',
  withoutLoad: true,
  fault: 'clients send hundreds of requests in each chunk',
  injected: `${connections} connections of a third reader send chunks of ${chunk_KiB} KiB with about 1,900 requests, and read nothing`,
  async inject(stage) {
    await using reader = await attackedReader(stage);
    let sent: SentChunks = { chunks: 0, cutOff: 0 };
    await besideReader(stage, reader, connections, async () => {
      const port = Number(new URL(reader.url).port);
      const worker = new Worker(new URL('../load/chunks-thread.ts', import.meta.url), {
        workerData: { port, connections, chunk_bytes: chunk_KiB * 1024, time_ms: attack_ms } satisfies Chunks,
      });
      [sent] = (await once(worker, 'message')) as [SentChunks];
    });
    stage.observe(`${sent.chunks} chunks were sent, and ${sent.cutOff} connections cut off`);
    // Nothing is read ahead of the answers, so most connections just wait, and few or none are cut off.
    stage.expect(sent.chunks >= connections, 'chunks are sent on all connections');
  },
};
