import { defineScript } from '@catalog/redis';

const lua = (name: string) => `../../lua/${name}.lua`;
const read = [lua('incarnation'), lua('entry')];
const asFunction = (name: string) => ({ file: lua(name), asFunction: name });

export type ReadAnswer = [Buffer, number, number, number, Buffer, 1 | 0 | -1];
export type FillAnswer = [1 | 0, Buffer, number, number, number, Buffer];

/** Every script of the cache Redis. Its header in `lua/` names keys, arguments and answer. */
export const scripts = {
  readOrLease: defineScript<ReadAnswer>(import.meta.url, ...read, lua('read_or_lease')),
  readPageOrLease: defineScript<[...ReadAnswer, generation: Buffer]>(
    import.meta.url,
    ...read,
    lua('generation'),
    asFunction('read_or_lease'),
    lua('read_page_or_lease'),
  ),
  fill: defineScript<FillAnswer>(import.meta.url, lua('entry'), lua('fill')),
  endLease: defineScript<1 | 0>(import.meta.url, lua('entry'), lua('end_lease')),
  invalidateEach: defineScript<(1 | 0 | -1)[]>(
    import.meta.url,
    lua('entry'),
    asFunction('invalidate'),
    lua('invalidate_each'),
  ),
  bumpList: defineScript<number>(import.meta.url, lua('entry'), lua('generation'), lua('bump_list')),
  heartbeat: defineScript<number>(import.meta.url, lua('incarnation'), lua('heartbeat')),
};
