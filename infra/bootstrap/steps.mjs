/** How the set-up talks: one line a step, saying what was done and how long it took. */

/** Something that the person at the keyboard can mend; `remedy` says how. */
export class SetupError extends Error {
  /**
   * @param {string} message what is wrong
   * @param {string} remedy what to do about it
   */
  constructor(message, remedy) {
    super(message);
    this.remedy = remedy;
  }
}

/**
 * Runs one step and prints its name, what it returned or noted, and its duration.
 * @template T
 * @param {string} name
 * @param {(note: (text: string) => void) => T | Promise<T>} run may call `note` to say what it found or did
 * @returns {Promise<T>}
 */
export async function step(name, run) {
  const started = performance.now();
  let text = '';
  const result = await run((noted) => {
    text = noted;
  });
  console.log(`  ${name.padEnd(10)} ${text} (${seconds(performance.now() - started)})`);
  return result;
}

/** Says in the middle of a step that something long begins. @param {string} text */
export function announce(text) {
  console.log(`  … ${text}`);
}

/** @param {number} duration_ms */
export function seconds(duration_ms) {
  return `${(duration_ms / 1000).toFixed(1)} s`;
}

/**
 * Prints an error with its remedy; one that nobody foresaw with its stack.
 * @param {unknown} error
 * @returns {number} the exit code
 */
export function fail(error) {
  if (error instanceof SetupError) {
    console.error(`\n  ✖ ${error.message}\n    ${error.remedy.replaceAll('\n', '\n    ')}\n`);
  } else {
    console.error(error);
  }
  return 1;
}
