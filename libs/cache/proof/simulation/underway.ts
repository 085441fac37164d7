/** Calls to the stores, and their answers, each of which goes on when the schedule says so. */
export class Underway {
  #steps: { readonly what: string; readonly go: () => void }[] = [];

  get size(): number {
    return this.#steps.length;
  }

  add(what: string, go: () => void): void {
    this.#steps.push({ what, go });
  }

  /** @returns what went on; undefined if nothing is under way */
  release(index: number): string | undefined {
    const [step] = this.#steps.splice(index % Math.max(1, this.#steps.length), 1);
    step?.go();
    return step?.what;
  }
}
