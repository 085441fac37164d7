/** Changes that the worker cannot apply for a while, as if it were held up. Its heartbeats go on. */
import type { Pool } from '@catalog/database';

/** The relay thinks that it has already dispatched a change with this value. */
const dispatched = "clock_timestamp() + interval '1 hour'";

/** Why a row that calls `holdChange` with a product needs the outbox as the source of changes. */
export const holdsChange = 'it holds a change up in the outbox before its commit';

export interface HeldChange {
  /** 0 for a change of no product. */
  readonly version: number;
  release(): Promise<void>;
}

/** Commits a change of this product, or of a product that nobody reads. */
export async function holdChange(sql: Pool, productId?: string): Promise<HeldChange> {
  const client = await sql.connect();
  try {
    await client.query('begin');
    const { rows: changed } = await client.query<{ version: number }>(
      "update catalog.products set description = 'changed ' || clock_timestamp() where id = $1 returning version::float8 as version",
      [productId ?? null],
    );
    const { rows } =
      productId === undefined
        ? await client.query<{ seq: string }>(
            `insert into catalog.outbox (entity, key, version, dispatched_at)
             values ('product', gen_random_uuid()::text, 1, ${dispatched}) returning seq`,
          )
        : await client.query<{ seq: string }>(
            `update catalog.outbox set dispatched_at = ${dispatched}
             where transaction_id = pg_current_xact_id() and applied_at is null returning seq`,
          );
    await client.query('commit');
    const seqs = rows.map(({ seq }) => seq);
    return {
      version: changed[0]?.version ?? 0,
      async release() {
        await sql.query('update catalog.outbox set dispatched_at = null where seq = any ($1)', [seqs]);
      },
    };
  } finally {
    client.release();
  }
}
