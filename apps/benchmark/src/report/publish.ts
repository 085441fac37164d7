/**
 * Writes figures of a run where people read them: plots into docs/plots, tables into the marked blocks of README.md,
 * docs/performance.md and docs/scale.md.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { goalLines, type Section } from './report.ts';

const root = join(import.meta.dirname, '../../../..');
/** The pages with measured blocks. */
export const pages = ['docs/performance.md', 'docs/scale.md'];

/** @throws if the text has no such block */
export function replaceBlock(text: string, name: string, lines: readonly string[]): string {
  const [begin, end] = [`<!-- ${name}: npm run bench writes this -->`, `<!-- /${name} -->`];
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`There is no block between "${begin}" and "${end}".`);
  return `${text.slice(0, from + begin.length)}\n\n${lines.join('\n')}\n\n${text.slice(to)}`;
}

const images = ({ title, plots }: Section, folder: string): string[] =>
  Object.keys(plots).flatMap((name) => [`![${title}](${folder}/${name})`, '']);

/** The page with the figures of this section, if it has a block for them. */
function withSection(page: string, section: Section, machine: string): string {
  const { name, table, more = [], goals } = section;
  const block = `measured ${name}`;
  if (!page.includes(`<!-- ${block}:`)) return page;
  return replaceBlock(page, block, [
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
  for (const name of pages) {
    const file = join(root, name);
    const page = await readFile(file, 'utf8');
    const filled = sections.reduce((text, section) => withSection(text, section, machine), page);
    if (filled !== page) await write(file, filled);
  }
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
