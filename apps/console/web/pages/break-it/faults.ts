/** What can be broken in a local stack: the button, and what to watch. By the names that the stack gives. */
export interface FaultWords {
  readonly title: string;
  readonly button: string;
  /** What the system does then. */
  readonly watch: string;
}

export const faultWords: Readonly<Record<string, FaultWords>> = {
  'cut-listener': {
    title: 'The doorbell',
    button: 'Cut the listener',
    watch:
      'The worker hears no commit. It looks by itself once a second, so changes arrive up to a second later.',
  },
  'pause-worker': {
    title: 'The worker',
    button: 'Pause the worker',
    watch:
      'Changes wait in the outbox. After two seconds readers no longer trust the caches and ask Postgres.',
  },
  'wipe-cache': {
    title: 'The content of the cache',
    button: 'Wipe the cache',
    watch: 'Every key is loaded once more, each by one reader for all. Nothing older can come back.',
  },
  'freeze-cache': {
    title: 'The cache Redis',
    button: 'Freeze it',
    watch:
      'It keeps its connections and answers nothing. Readers stop asking it after a few failures, and ask Postgres.',
  },
  'stop-cache': {
    title: 'The process of the cache Redis',
    button: 'Stop it',
    watch: 'Readers ask Postgres. When it is back it is empty, and belongs to another incarnation.',
  },
  'cut-postgres': {
    title: 'Postgres',
    button: 'Cut it off',
    watch:
      'Nothing can be saved, and roles cannot be checked. Readers serve what the caches hold, marked stale.',
  },
};
