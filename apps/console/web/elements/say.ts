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

/** Says what has happened, and may offer to undo it. An error stays until it is closed. */
export function say(title: string, options: Partial<Omit<Said, 'title'>> = {}): void {
  const said = { title, kind: 'good', ...options } as const;
  if (show === undefined) waiting.push(said);
  else show(said);
}

/** Shows everything that is said from now on, and what was said before. */
export function listen(shows: (said: Said) => void): void {
  show = shows;
  waiting.splice(0).forEach(shows);
}
