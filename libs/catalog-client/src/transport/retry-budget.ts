/**
 * Retries may be a tenth of the requests, and a handful beyond: when a service is down, trying again would only
 * multiply the load under which it has to come back (Google SRE Book, chapter 21).
 */
export class RetryBudget {
  static readonly perRequest = 0.1;
  static readonly most = 10;
  #tokens = RetryBudget.most;

  /** A request was made, not counting its repetitions. */
  deposit(): void {
    this.#tokens = Math.min(RetryBudget.most, this.#tokens + RetryBudget.perRequest);
  }

  /** Whether a request may be repeated now. */
  withdraw(): boolean {
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}
