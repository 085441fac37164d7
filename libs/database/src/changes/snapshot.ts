/** A snapshot of Postgres (`pg_snapshot`): which transactions had ended when it was taken. Its text is `xmin:xmax:xip,…`. */
export type SnapshotText = string;

const form = /^(\d{1,20}):(\d{1,20}):(\d{1,20}(?:,\d{1,20})*)?$/;

/** Whether Postgres reads it: the open transactions lie between the ends, each after the one before. */
export function isSnapshot(text: unknown): text is SnapshotText {
  const found = typeof text === 'string' ? form.exec(text) : null;
  if (found === null) return false;
  const [, first = '0', end = '0', open] = found;
  const numbers = [first, ...(open?.split(',') ?? []), end].map(BigInt);
  return (
    numbers.every(
      (number, index) => number > 0n && number < 2n ** 63n && number >= (numbers[index - 1] ?? 0n),
    ) && new Set(numbers.slice(1)).size === numbers.length - 1
  );
}

/** The transactions that the snapshot lists as open. */
function openIn(snapshot: SnapshotText): ReadonlySet<string> {
  const list = form.exec(snapshot)?.[3];
  return new Set(list === undefined ? [] : list.split(','));
}

/** Of two sets of open transactions: whether some have ended in between, and whether some are open in both. */
export function compareOpen(
  before: SnapshotText,
  now: SnapshotText,
): { readonly someEnded: boolean; readonly someStayed: boolean } {
  const open = openIn(now);
  const stayed = [...openIn(before)].filter((transaction) => open.has(transaction)).length;
  return { someEnded: stayed < openIn(before).size, someStayed: stayed > 0 };
}
