/**
 * Writes figures of a run where people read them: plots into docs/plots, tables into the marked blocks of README.md and
 * docs/performance.md.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { goalLines, type Section } from './report.ts';

const root = join(import.meta.dirname, '../../../..');

/** @throws if the text has no such block */
export function replaceBlock(text: string, name: string, lines: readonly string[]): string {
  const [begin, end] = [`<!-- ${name}: npm run bench writes this -->`, `<!-- /${name} -->`];
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`There is no block between "${begin}" and "${end}".`);
  return `${text.slice(0, from + begin.length)}\n\n${lines.join('\n')}\n\n${text.slice(to)}`;
}

const images = ({ title, plots }: Section, folder: string): string[] =>
  Object.keys(plots).flatMap((name) => [`![${title}](${folder}/${name})`, '']);

/** @returns the files that it has written */
export async function publish(sections: readonly Section[], machine: string): Promise<string[]> {
  const plots = join(root, 'docs/plots');
  await mkdir(plots, { recursive: true });
  const written: string[] = [];
  const write = async (file: string, content: string): Promise<void> => {
    await writeFile(file, content);
    written.push(file);
  };
  for (const section of sections) {
    for (const [name, svg] of Object.entries(section.plots)) await write(join(plots, name), svg);
  }
  const performance = join(root, 'docs/performance.md');
  let page = await readFile(performance, 'utf8');
  for (const section of sections) {
    const { name, table, more = [], goals } = section;
    const block = `measured ${name}`;
    if (!page.includes(`<!-- ${block}:`)) continue;
    page = replaceBlock(page, block, [
      ...images(section, 'plots'),
      machine,
      '',
      ...table,
      '',
      ...more,
      '',
      ...goalLines(goals),
    ]);
  }
  await write(performance, page);
  const reads = sections.find(({ name }) => name === 'reads');
  if (reads !== undefined) {
    const readme = join(root, 'README.md');
    await write(
      readme,
      replaceBlock(await readFile(readme, 'utf8'), 'measured reads', [
        ...images(reads, 'docs/plots'),
        machine,
        '',
        ...reads.table,
      ]),
    );
  }
  return written;
}
