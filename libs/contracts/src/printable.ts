/** What could break a line, move the cursor, or turn the direction of the text; and what Postgres cannot store. */
// oxlint-disable-next-line no-control-regex -- the rule is about these characters
const unprintable = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/**
 * Text that somebody sent, made safe to store and to print in one line: names, keys and values in errors, file names in a
 * terminal. It is cut to `max` characters, never inside a character, and each unprintable character is shown as U+FFFD.
 */
export function printable(text: string, max: number): string {
  let cut = text;
  if (text.length > max) {
    // Half of a pair must not stay behind.
    const end = /[\ud800-\udbff]/.test(text[max - 2] ?? '') ? max - 2 : max - 1;
    cut = `${text.slice(0, end)}…`;
  }
  return cut.toWellFormed().replace(unprintable, '\ufffd');
}
