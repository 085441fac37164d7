import { printable } from '@catalog/contracts';

const longestLine = 10_000;

/** Lines for a terminal. Names of files and cells may hold sequences that move its cursor or change its title. */
export const printableLines = (text: string): string =>
  text
    .split('\n')
    .map((line) => printable(line, longestLine))
    .join('\n');
