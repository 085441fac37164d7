import type { Queryable } from '../postgres/pool.ts';

export interface RecordedChange {
  readonly entity: string;
  readonly key: string;
  readonly version: number;
}

/** Empties the outbox. Returns its rows, oldest first. */
async function takeOutbox(db: Queryable): Promise<RecordedChange[]> {
  const { rows } = await db.query<RecordedChange>(
    'with taken as (delete from catalog.outbox returning *) select entity, key, version from taken order by changed_at, seq',
  );
  return rows;
}

const slot = "'catalog_' || (select oid from pg_database where datname = current_database())";
const readSlot = `
  select split_part(content, ' ', 2) as entity,
    substr(content, length(split_part(content, ' ', 1)) + length(split_part(content, ' ', 2)) + 3) as key,
    split_part(content, ' ', 1)::bigint as version
  from pg_logical_slot_get_binary_changes(
    ${slot}, null, null, 'proto_version', '1', 'publication_names', 'catalog_changes', 'messages', 'true'
  )
  cross join lateral (select get_byte(data, 0) = ascii('M') and get_byte(data, 1) = 1 as is_change) as kind
  -- A letter, a flag, a position, the word 'catalog' and a length come before the content.
  cross join lateral (
    select convert_from(case when is_change then substring(data from 23) else '' end, 'UTF8') as content
  ) as message
  where is_change`;

/** Lets the triggers of this database write to a change slot, which nobody else reads. The database is dropped with its slot. */
export async function writeToSlot(owner: Queryable): Promise<void> {
  await owner.query(`select pg_create_logical_replication_slot(${slot}, 'pgoutput')`);
  await owner.query("update catalog.change_slot set in_use = true, landed = '0/0'");
  await owner.query("select catalog.write_changes_to('slot')");
}

/** Takes the changes that the triggers have recorded since the last call, from the outbox or the slot. */
export async function takeRecorded(owner: Queryable): Promise<RecordedChange[]> {
  const recorded = await takeOutbox(owner);
  const { rowCount } = await owner.query('select from catalog.change_slot where in_use');
  if (rowCount === 0) return recorded;
  // The slot shows only what is on the disk, and a milestone flushes the log.
  await owner.query('select catalog.write_milestone()');
  return [...recorded, ...(await owner.query<RecordedChange>(readSlot)).rows];
}
