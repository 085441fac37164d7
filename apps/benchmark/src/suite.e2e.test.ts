import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { smokeSizes } from './sizes.ts';
import { benchmarks, runBenchmarks } from './suite.ts';

test('every benchmark runs on a real stack and reports its numbers, goals and plots', async () => {
  const { sections, file } = await runBenchmarks({
    names: Object.keys(benchmarks),
    sizes: smokeSizes,
    say: () => {},
  });
  expect(new Set(sections.map(({ name }) => name))).toEqual(new Set(Object.keys(benchmarks)));
  const report = await readFile(file, 'utf8');
  for (const { title, table, goals, plots } of sections) {
    expect(report).toContain(title);
    expect(table.length).toBeGreaterThan(3);
    expect(table.join('\n')).not.toContain('NaN');
    // At this size it does not matter whether they are met.
    expect(goals.length).toBeGreaterThan(0);
    for (const [name, svg] of Object.entries(plots)) {
      expect(svg).not.toContain('NaN');
      expect(await readFile(join(dirname(file), name), 'utf8')).toBe(svg);
    }
  }
  expect(sections.find(({ name }) => name === 'bulk')?.goals).toContainEqual(
    expect.objectContaining({
      text: expect.stringContaining('every cached key is right') as string,
      met: true,
    }),
  );
}, 600_000);
