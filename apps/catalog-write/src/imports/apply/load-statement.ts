import { fillIn, loadSql } from '@catalog/database';

const changed = fillIn(loadSql(import.meta.url, './sql/is-changed.sql'), {});

/** A statement of `sql/`. Its mark `:changed` stands for the same comparison in all of them. */
export const loadStatement = (file: string): string =>
  fillIn(loadSql(import.meta.url, `./sql/${file}.sql`), { changed });
