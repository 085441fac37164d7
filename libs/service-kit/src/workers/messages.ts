/** What a primary and its workers say to each other over the IPC channel of Node. */

/** What a worker can tell about itself, as text: its metrics, or its readiness as JSON. */
export type Question = 'metrics' | 'readiness';

export type ToWorker =
  /** Comes with the socket of the connection. */
  | { readonly kind: 'connection'; readonly id: number }
  | { readonly kind: 'question'; readonly id: number; readonly question: Question }
  /** The merged answers of all workers. */
  | { readonly kind: 'merged'; readonly id: number; readonly text: string }
  | { readonly kind: 'stop' };

export type ToPrimary =
  | { readonly kind: 'started' }
  /** It got the connection. Until then the primary keeps its own copy. */
  | { readonly kind: 'taken'; readonly id: number }
  | { readonly kind: 'answer'; readonly id: number; readonly text: string }
  /** A client has asked this worker about the service, so the primary asks all workers. */
  | { readonly kind: 'ask-all'; readonly id: number; readonly question: Question }
  /** It was told to stop by a signal, and wants no more connections. */
  | { readonly kind: 'leaving' };
