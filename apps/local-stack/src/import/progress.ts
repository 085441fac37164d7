/** The progress line of an import. */
export interface Progress {
  readonly sent_bytes: number;
  readonly total_bytes: number;
  /** Records that catalog-write has read, and those of them that it refuses. */
  readonly received: number;
  readonly failed: number;
  readonly elapsed_ms: number;
}

const barCells = 24;

export function progressLine(progress: Progress): string {
  const { sent_bytes, total_bytes, received, failed, elapsed_ms } = progress;
  const part = total_bytes === 0 ? 1 : sent_bytes / total_bytes;
  const full = Math.floor(part * barCells);
  const bar = `${'█'.repeat(full)}${'░'.repeat(barCells - full)}`;
  const bad = failed === 0 ? '' : `, ${count(failed)} bad`;
  const rate = `${count(rowsPerSecond(received, elapsed_ms))} rows/s`;
  const phase = part < 1 ? rate : `applying, ${(elapsed_ms / 1000).toFixed(0)} s`;
  return `${bar} ${String(Math.floor(part * 100)).padStart(3)} %  ${count(received)} rows${bad}  ${phase}`;
}

export function rowsPerSecond(rows: number, elapsed_ms: number): number {
  return elapsed_ms === 0 ? 0 : Math.round((rows * 1000) / elapsed_ms);
}

export function count(value: number): string {
  return value.toLocaleString('en-US');
}

interface Terminal {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

/** On a terminal it redraws one line. In a file it writes a line every few seconds. */
export function showProgress(terminal: Terminal, read: () => Progress): { stop(): void } {
  const live = terminal.isTTY === true;
  const timer = setInterval(
    () => terminal.write(live ? `\r  ${progressLine(read())}\u001b[K` : `  ${progressLine(read())}\n`),
    live ? 100 : 5_000,
  );
  return {
    stop() {
      clearInterval(timer);
      if (live) terminal.write('\r\u001b[K');
    },
  };
}
