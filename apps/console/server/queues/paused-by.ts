/** Who paused a queue by this console, and when. BullMQ does not keep it. */
export class PausedBy {
  readonly #paused = new Map<string, { username: string; at_ms: number }>();

  note(queue: string, username: string, at_ms: number): void {
    this.#paused.set(queue, { username, at_ms });
  }

  forget(queue: string): void {
    this.#paused.delete(queue);
  }

  get(queue: string): { readonly username: string; readonly at_ms: number } | undefined {
    return this.#paused.get(queue);
  }
}
