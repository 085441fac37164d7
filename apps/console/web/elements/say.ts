/** What a page says about something that has happened. The messages are shown by a part that is loaded later. */

export interface Said {
  readonly title: string;
  readonly kind: 'good' | 'bad';
  readonly detail?: string;
  /** Such as to undo it. */
  readonly action?: { readonly name: string; readonly run: () => void };
}

let show: ((said: Said) => void) | undefined;
const waiting: Said[] = [];

/** Shows a message, perhaps with an action such as to undo. A message of kind `bad` stays until somebody closes it. */
export function say(title: string, options: Partial<Omit<Said, 'title'>> = {}): void {
  const said = { title, kind: 'good', ...options } as const;
  if (show === undefined) waiting.push(said);
  else show(said);
}

/** @param shows gets each message from now on, and at once those that came before anybody listened */
export function listen(shows: (said: Said) => void): void {
  show = shows;
  waiting.splice(0).forEach(shows);
}
