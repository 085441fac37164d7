/** Something that the person who started the stack can mend; `remedy` says how. */
export class StackProblem extends Error {
  override readonly name = 'StackProblem';
  readonly remedy: string;

  constructor(message: string, remedy: string, options?: ErrorOptions) {
    super(message, options);
    this.remedy = remedy;
  }
}
