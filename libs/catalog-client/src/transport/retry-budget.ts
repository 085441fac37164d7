/**
 * Allows retries for a tenth of the requests, and ten more as a reserve. When a service is down, more retries would only
 * multiply the load under which it must recover (Google SRE Book, chapter 21).
 */
export class RetryBudget {
  static readonly perRequest = 0.1;
  static readonly most = 10;
  #tokens = RetryBudget.most;

  /** Counts a request, but not its retries. */
  deposit(): void {
    this.#tokens = Math.min(RetryBudget.most, this.#tokens + RetryBudget.perRequest);
  }

  /** @returns whether a request may be retried now */
  withdraw(): boolean {
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}
