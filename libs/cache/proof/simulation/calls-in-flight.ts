/** Calls to the stores and their answers. Each waits until the schedule lets it continue. */
export class CallsInFlight {
  #steps: { readonly name: string; readonly run: () => void }[] = [];

  get size(): number {
    return this.#steps.length;
  }

  add(name: string, run: () => void): void {
    this.#steps.push({ name, run });
  }

  /** @returns the name of the step that ran; undefined if nothing is in flight */
  release(index: number): string | undefined {
    const [step] = this.#steps.splice(index % Math.max(1, this.#steps.length), 1);
    step?.run();
    return step?.name;
  }
}
