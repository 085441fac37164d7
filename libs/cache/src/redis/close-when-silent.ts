import type { Redis } from 'ioredis';

const looks = 8;

/**
 * Closes a connection that leaves a command unanswered for this long, so that ioredis opens another one.
 *
 * `socketTimeout` of ioredis does the same with a timer and a listener for each answer, which took a fiftieth of the time of a read of
 * Redis. Looks are counted, not milliseconds, so that a process that was stopped itself closes nothing.
 */
export function closeWhenSilent(redis: Redis, silence_ms: number): void {
  redis.on('connect', () => {
    const { stream } = redis;
    let heard = stream.bytesRead;
    let silentLooks = 0;
    const look = () => {
      const isSilent = stream.bytesRead === heard && redis.commandQueue.length > 0;
      heard = stream.bytesRead;
      silentLooks = isSilent ? silentLooks + 1 : 0;
      if (silentLooks >= looks)
        stream.destroy(new Error(`Redis has not answered a command for ${silence_ms} ms.`));
    };
    const timer = setInterval(look, silence_ms / looks).unref();
    stream.once('close', () => clearInterval(timer));
  });
}
