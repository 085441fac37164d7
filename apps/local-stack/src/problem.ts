import { problemSchema, type Problem } from '@catalog/contracts';

/** An error that the person who started the stack can correct. `remedy` says how. */
export class StackProblem extends Error {
  override readonly name = 'StackProblem';
  readonly remedy: string;

  constructor(message: string, remedy: string, options?: ErrorOptions) {
    super(message, options);
    this.remedy = remedy;
  }
}

/** Reads the problem document that a service answers; undefined when the text is something else. */
export function parseProblem(text: string): Problem | undefined {
  try {
    return problemSchema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}
