/** Files that the stack keeps for people and for later starts, none of which is worth ending for. */
export type TellUnwritten = (file: string, error: Error) => void;

/** A full disk is felt by every file at once, and at every line: it is said once. */
export function tellUnwrittenOnce(say: (line: string) => void): TellUnwritten {
  let told = false;
  return (file, error) => {
    if (told) return;
    told = true;
    say(`${file} cannot be written (${error.message}); all goes on, but logs will have gaps`);
  };
}
