/** The output of the set-up: one line for each step, with its result and its duration. */

/** An error that the person at the keyboard can correct. `remedy` says how. */
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
 * Runs one step and prints its name, its note and its duration.
 * @template T
 * @param {string} name
 * @param {(note: (text: string) => void) => T | Promise<T>} run calls `note` to say what it found or did
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

/** Says that a long part of a step begins. @param {string} text */
export function announce(text) {
  console.log(`  … ${text}`);
}

/** @param {number} duration_ms */
export function seconds(duration_ms) {
  return `${(duration_ms / 1000).toFixed(1)} s`;
}

/**
 * Prints a SetupError with its remedy, and any other error with its stack.
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
