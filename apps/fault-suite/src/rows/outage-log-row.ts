/** A row that reads what the worker logs while Postgres is away. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pause } from '@catalog/runtime';
import { eventually } from '@catalog/testing';
import { refuseSessions } from '../system/refused-sessions.ts';
import type { System } from '../system/system.ts';
import type { Row } from './row.ts';

const away_ms = 6_000;
/** A part counts as working again when it has not failed for 10 s, or for twice the pause between its attempts. */
const reported_ms = 30_000;
/** The most lines of one part: a line for each kind of failure, and one when it works again. */
const linesOfPart = 6;

interface LogLine {
  readonly level: number;
  readonly msg: string;
  readonly part?: string;
  readonly failures?: number;
}

async function linesOf({ stack }: System): Promise<LogLine[]> {
  const text = await readFile(join(stack.folder, 'logs', 'invalidation-worker.log'), 'utf8');
  const lines = text.split('\n').filter((line) => line.startsWith('{') && line.endsWith('}'));
  return lines.map((line) => JSON.parse(line) as LogLine);
}

export const outageLogRow: Row = {
  id: '56',
  fault: 'the log of the worker while Postgres is away',
  injected: `all sessions are ended, and new ones are refused for ${away_ms / 1_000} s`,
  async inject({ system, observe, expect }) {
    const skipped = (await linesOf(system)).length;
    const said = async () => (await linesOf(system)).slice(skipped);
    {
      await using _away = await refuseSessions(system);
      await pause(away_ms);
    }
    const failing = async () => {
      const lines = await said();
      const fails = new Set(lines.flatMap(({ msg, part }) => (/fails/.test(msg) ? (part ?? []) : [])));
      const works = new Set(lines.flatMap(({ msg, part }) => (/works again/.test(msg) ? (part ?? []) : [])));
      return [...fails].filter((part) => !works.has(part));
    };
    const allWork = async () => (await failing()).length === 0;
    await eventually(allWork, { timeout_ms: reported_ms, interval_ms: 250 }).catch(() => undefined);
    const lines = await said();
    const failures = lines.reduce((sum, line) => sum + (line.failures ?? 0), 0);
    const byPart = Map.groupBy(lines, ({ part }) => part ?? 'none');
    const most = Math.max(...[...byPart.values()].map((own) => own.length));
    observe(
      `${lines.length} lines of ${byPart.size} parts, at most ${most} of one; they count ${failures} failures`,
    );
    expect(lines.length > 0 && failures > 10, 'the outage and its failures are reported');
    expect(most <= linesOfPart, `no part logs more than ${linesOfPart} lines`);
    expect(
      (await failing()).length === 0,
      `each part is reported as working again (${(await failing()).join()})`,
    );
  },
};
