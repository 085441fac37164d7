/** A worker's side of the IPC channel. */
import type { Socket } from 'node:net';
import type { Question, ToPrimary, ToWorker } from './messages.ts';

const flag = '--worker=';

/** The arguments with which a primary starts a worker. */
export const workerArguments = (worker: number): string[] => [`${flag}${worker}`];

export interface WorkerLink {
  /** From 1. A worker that is started again has the number of the one that died. */
  readonly worker: number;
  /** Says that it can be given connections. */
  started(): void;
  /** Says that it wants no more of them. */
  leaving(): void;
  onConnection(take: (socket: Socket) => void): void;
  /** Called when the primary wants this process to stop, or has died. */
  onStop(stop: (reason: string) => void): void;
  onQuestion(answer: (question: Question) => Promise<string>): void;
  /** The merged answers of all workers. */
  askAll(question: Question): Promise<string>;
}

/** undefined unless a primary has started this process as one of its workers. */
export function linkToPrimary(): WorkerLink | undefined {
  const argument = process.argv.find((text) => text.startsWith(flag));
  if (argument === undefined || process.send === undefined) return undefined;
  const asked = new Map<number, PromiseWithResolvers<string>>();
  let lastId = 0;
  let take: ((socket: Socket) => void) | undefined;
  let answer: ((question: Question) => Promise<string>) | undefined;
  let stop: ((reason: string) => void) | undefined;

  const tell = (message: ToPrimary): void => {
    // Without a primary there is nobody to tell. `disconnect` says so.
    if (process.connected) process.send?.(message, () => undefined);
  };
  const onMessage = async (message: ToWorker, socket?: Socket): Promise<void> => {
    switch (message.kind) {
      case 'connection':
        tell({ kind: 'taken', id: message.id });
        // It may have been closed on the way.
        if (socket !== undefined) take?.(socket);
        break;
      case 'question': {
        const text = await answer?.(message.question);
        if (text !== undefined) tell({ kind: 'answer', id: message.id, text });
        break;
      }
      case 'merged':
        asked.get(message.id)?.resolve(message.text);
        asked.delete(message.id);
        break;
      case 'stop':
        stop?.('the primary stops');
        break;
    }
  };
  process.on('message', (message, socket) => void onMessage(message as ToWorker, socket as Socket));
  process.on('disconnect', () => {
    for (const { reject } of asked.values()) reject(new Error('the primary has died'));
    stop?.('the primary has died');
  });

  return {
    worker: Number(argument.slice(flag.length)),
    started: () => tell({ kind: 'started' }),
    leaving: () => tell({ kind: 'leaving' }),
    onConnection: (callback) => void (take = callback),
    onStop: (callback) => void (stop = callback),
    onQuestion: (callback) => void (answer = callback),
    askAll(question) {
      const id = ++lastId;
      const answered = Promise.withResolvers<string>();
      asked.set(id, answered);
      tell({ kind: 'ask-all', id, question });
      return answered.promise;
    },
  };
}
