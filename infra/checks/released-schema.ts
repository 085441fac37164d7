/** The tables and domains of the migrations, as far as the check of locks needs them. */
import type { Node, RangeVar } from 'libpg-query';

export interface ParsedMigration {
  readonly isReleased: boolean;
  readonly statements: readonly Node[];
}

interface Table {
  readonly isReleased: boolean;
  readonly isPartitioned: boolean;
  readonly primaryKey: readonly string[];
}

/** Strings of the parser: the parts of a name. */
export const stringsOf = (nodes: readonly Node[] = []): string[] =>
  nodes.flatMap((node) => ('String' in node ? [node.String.sval ?? ''] : []));

export const nameOf = ({ schemaname, relname = '' }: RangeVar): string =>
  schemaname === undefined ? relname : `${schemaname}.${relname}`;

export class ReleasedSchema {
  readonly #tables = new Map<string, Table>();
  readonly #domains = new Map<string, { readonly isReleased: boolean }>();
  readonly #hasRelease: boolean;

  constructor(migrations: readonly ParsedMigration[]) {
    this.#hasRelease = migrations.some(({ isReleased }) => isReleased);
    for (const { isReleased, statements } of migrations) {
      for (const statement of statements) this.#note(statement, isReleased);
    }
  }

  /** Whether services may use the table now. A table that no file creates counts too, because a function may have created it. */
  isReleased(table: RangeVar | undefined): boolean {
    if (!this.#hasRelease || table === undefined || table.relpersistence === 't') return false;
    return this.#tables.get(nameOf(table))?.isReleased ?? true;
  }

  isPartitioned(table: RangeVar): boolean {
    return this.#tables.get(nameOf(table))?.isPartitioned ?? false;
  }

  primaryKey(table: RangeVar): readonly string[] {
    return this.#tables.get(nameOf(table))?.primaryKey ?? [];
  }

  isDomain(name: string): boolean {
    return this.#domains.has(name);
  }

  isReleasedDomain(name: string): boolean {
    return this.#domains.get(name)?.isReleased ?? this.#hasRelease;
  }

  #note(statement: Node, isReleased: boolean): void {
    if ('CreateDomainStmt' in statement)
      this.#domains.set(stringsOf(statement.CreateDomainStmt.domainname).join('.'), { isReleased });
    if ('CreateTableAsStmt' in statement) {
      const made = statement.CreateTableAsStmt.into?.rel;
      if (made !== undefined)
        this.#tables.set(nameOf(made), { isReleased, isPartitioned: false, primaryKey: [] });
    }
    if (!('CreateStmt' in statement)) return;
    const { relation, tableElts = [], partspec } = statement.CreateStmt;
    if (relation === undefined) return;
    this.#tables.set(nameOf(relation), {
      isReleased,
      isPartitioned: partspec !== undefined,
      primaryKey: tableElts.flatMap(keysOf),
    });
  }
}

/** The columns that a part of a CREATE TABLE makes the primary key. */
function keysOf(part: Node): string[] {
  if ('Constraint' in part)
    return part.Constraint.contype === 'CONSTR_PRIMARY' ? stringsOf(part.Constraint.keys) : [];
  if (!('ColumnDef' in part)) return [];
  const { colname = '', constraints = [] } = part.ColumnDef;
  const isKey = constraints.some(
    (each) => 'Constraint' in each && each.Constraint.contype === 'CONSTR_PRIMARY',
  );
  return isKey ? [colname] : [];
}
