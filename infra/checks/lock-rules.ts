/** What each kind of statement does to a table that services use. */
import type { DefElem, Node, RangeVar } from 'libpg-query';
import { alterProblem, isConstant } from './alter-table-rules.ts';
import { nameOf, stringsOf, type ReleasedSchema } from './released-schema.ts';

/** What the check says about a statement. Without a verdict, it takes no lock that matters. */
export type Verdict =
  | { readonly problem: string }
  /** The statement is short, but its lock on this table blocks others until the transaction ends. */
  | { readonly locks: string }
  /** The statement takes long, but blocks nobody. */
  | { readonly slow: string };

export interface Place {
  readonly schema: ReleasedSchema;
  /** The statement is in a loop that commits each batch. */
  readonly isBatch: boolean;
}

const lockOf = (table: RangeVar | undefined): Verdict => ({
  locks: table === undefined ? '' : nameOf(table),
});
const rangeOf = (node: Node): RangeVar[] => ('RangeVar' in node ? [node.RangeVar] : []);

/** @returns undefined when the statement only reads, or touches no table that a release has */
export function judge(statement: Node, place: Place): Verdict | undefined {
  return (
    judgeSession(statement) ??
    judgeDefinition(statement, place.schema) ??
    judgeRows(statement, place) ??
    judgeUpkeep(statement, place.schema)
  );
}

/** What the runner of the migrations does itself. */
function judgeSession(statement: Node): Verdict | undefined {
  if ('TransactionStmt' in statement)
    return { problem: 'the runner begins and commits the transaction: leave BEGIN and COMMIT out' };
  if ('VariableSetStmt' in statement && statement.VariableSetStmt.name === 'lock_timeout')
    return {
      problem: 'the runner sets lock_timeout, and tries again when a lock is not free: leave it as it is',
    };
  return undefined;
}

function judgeDefinition(statement: Node, schema: ReleasedSchema): Verdict | undefined {
  if ('IndexStmt' in statement) {
    const { relation, concurrent } = statement.IndexStmt;
    if (relation === undefined || concurrent === true || !schema.isReleased(relation)) return undefined;
    const name = nameOf(relation);
    // ON ONLY makes an empty index of the partitioned table itself, so it takes no time.
    if (schema.isPartitioned(relation)) {
      if (relation.inh !== true) return lockOf(relation);
      return {
        problem:
          `CREATE INDEX stops every change of ${name} until the index is built. Use CREATE INDEX ON ONLY ${name}, then CREATE ` +
          'INDEX CONCURRENTLY for each partition and ALTER INDEX … ATTACH PARTITION',
      };
    }
    return {
      problem:
        `CREATE INDEX stops every change of ${name} until the index is built. Use CREATE INDEX CONCURRENTLY IF NOT EXISTS, alone ` +
        'in a file that begins with "-- outside a transaction"',
    };
  }
  if ('AlterTableStmt' in statement) {
    const { relation, cmds = [], objtype } = statement.AlterTableStmt;
    if (objtype !== 'OBJECT_TABLE' || !schema.isReleased(relation)) return undefined;
    const name = relation === undefined ? '' : nameOf(relation);
    const commands = cmds.flatMap((node) => ('AlterTableCmd' in node ? [node.AlterTableCmd] : []));
    if (commands.length > 0 && commands.every(({ subtype }) => subtype === 'AT_ValidateConstraint'))
      return { slow: `VALIDATE CONSTRAINT reads all of ${name}` };
    for (const command of commands) {
      if (command.subtype === 'AT_ValidateConstraint')
        return {
          problem: `VALIDATE CONSTRAINT reads all of ${name} under the lock of the other parts. Put it into a file of its own`,
        };
      const problem = alterProblem(command, schema);
      if (problem !== undefined) return { problem: `ALTER TABLE ${name}: ${problem}` };
    }
    return lockOf(relation);
  }
  if ('AlterDomainStmt' in statement) return judgeDomain(statement.AlterDomainStmt, schema);
  if ('RenameStmt' in statement) {
    const { relation, renameType } = statement.RenameStmt;
    const isUsed = renameType === 'OBJECT_TABLE' || renameType === 'OBJECT_COLUMN';
    return isUsed && schema.isReleased(relation) ? { problem: oldName('a new name', relation) } : undefined;
  }
  if ('AlterObjectSchemaStmt' in statement) {
    const { relation, objectType } = statement.AlterObjectSchemaStmt;
    if (objectType !== 'OBJECT_TABLE' || !schema.isReleased(relation)) return undefined;
    return { problem: oldName('another schema', relation) };
  }
  if ('CreateTrigStmt' in statement) {
    const { relation } = statement.CreateTrigStmt;
    return schema.isReleased(relation) ? lockOf(relation) : undefined;
  }
  if ('CreateStmt' in statement) {
    const { inhRelations = [], tableElts = [] } = statement.CreateStmt;
    const parents = [...inhRelations.flatMap(rangeOf), ...tableElts.flatMap(referencedBy)];
    const locked = parents.find((table) => schema.isReleased(table));
    return locked === undefined ? undefined : lockOf(locked);
  }
  return undefined;
}

function oldName(what: string, table: RangeVar | undefined): string {
  return (
    `the services of the release before still use ${table === undefined ? 'the table' : nameOf(table)} as it is, so ${what} breaks ` +
    'them. Add the new one beside it, and drop the old one in the release after'
  );
}

function referencedBy(part: Node): RangeVar[] {
  const constraints = 'ColumnDef' in part ? (part.ColumnDef.constraints ?? []) : [part];
  return constraints.flatMap((each) =>
    'Constraint' in each && each.Constraint.pktable !== undefined ? [each.Constraint.pktable] : [],
  );
}

function judgeDomain(
  { subtype, typeName, def }: { subtype?: string; typeName?: Node[]; def?: Node },
  schema: ReleasedSchema,
): Verdict | undefined {
  const name = stringsOf(typeName).join('.');
  if (!schema.isReleasedDomain(name)) return undefined;
  // The parser's letters: V validates a constraint, C adds one, O sets NOT NULL.
  if (subtype === 'V')
    return { slow: `VALIDATE CONSTRAINT of ${name} reads every table that uses the domain` };
  const isChecked = def !== undefined && 'Constraint' in def && def.Constraint.skip_validation !== true;
  if (subtype === 'O' || (subtype === 'C' && isChecked))
    return {
      problem:
        `ALTER DOMAIN ${name} reads every table that uses the domain while nobody can change them. Add the constraint NOT VALID, ` +
        'and VALIDATE CONSTRAINT in a file of its own',
    };
  return undefined;
}

function judgeRows(statement: Node, { schema, isBatch }: Place): Verdict | undefined {
  const [verb, changed] =
    'UpdateStmt' in statement
      ? (['UPDATE', statement.UpdateStmt] as const)
      : 'DeleteStmt' in statement
        ? (['DELETE', statement.DeleteStmt] as const)
        : 'MergeStmt' in statement
          ? (['MERGE', { relation: statement.MergeStmt.relation, whereClause: undefined }] as const)
          : [];
  if (changed !== undefined) {
    const { relation, whereClause } = changed;
    if (relation === undefined || !schema.isReleased(relation) || isBatch) return undefined;
    const key = schema.primaryKey(relation);
    const named = namedColumns(whereClause);
    if (key.length > 0 && key.every((column) => named.includes(column))) return undefined;
    return {
      problem:
        `${verb} may lock every row of ${nameOf(relation)} until the migration commits. Name the rows by their primary key, or use a ` +
        'DO that commits each batch, alone in a file that begins with "-- outside a transaction"',
    };
  }
  if ('TruncateStmt' in statement) {
    const used = (statement.TruncateStmt.relations ?? [])
      .flatMap(rangeOf)
      .find((table) => schema.isReleased(table));
    return used === undefined
      ? undefined
      : {
          problem: `TRUNCATE takes the rows of ${nameOf(used)} from services that use them. Delete in batches`,
        };
  }
  const source =
    'InsertStmt' in statement
      ? statement.InsertStmt.selectStmt
      : 'CreateTableAsStmt' in statement
        ? statement.CreateTableAsStmt.query
        : undefined;
  const read = source === undefined ? undefined : tablesIn(source).find((table) => schema.isReleased(table));
  return read === undefined ? undefined : { slow: `it copies rows of ${nameOf(read)}` };
}

/** The columns that the condition compares with constants, joined by AND. */
function namedColumns(condition: Node | undefined): string[] {
  if (condition === undefined) return [];
  if ('BoolExpr' in condition && condition.BoolExpr.boolop === 'AND_EXPR')
    return (condition.BoolExpr.args ?? []).flatMap(namedColumns);
  if (!('A_Expr' in condition)) return [];
  const { kind, name, lexpr, rexpr } = condition.A_Expr;
  const isEqual = kind === 'AEXPR_OP' || kind === 'AEXPR_IN' || kind === 'AEXPR_OP_ANY';
  if (!isEqual || stringsOf(name).join('') !== '=' || !isConstant(rexpr)) return [];
  return lexpr !== undefined && 'ColumnRef' in lexpr ? stringsOf(lexpr.ColumnRef.fields).slice(-1) : [];
}

function tablesIn(part: unknown): RangeVar[] {
  if (typeof part !== 'object' || part === null) return [];
  return Object.entries(part).flatMap(([name, value]) =>
    name === 'RangeVar' ? [value as RangeVar] : tablesIn(value),
  );
}

function judgeUpkeep(statement: Node, schema: ReleasedSchema): Verdict | undefined {
  if ('LockStmt' in statement) {
    const used = (statement.LockStmt.relations ?? [])
      .flatMap(rangeOf)
      .find((table) => schema.isReleased(table));
    if (used === undefined) return undefined;
    return {
      problem: `LOCK TABLE stops the services on ${nameOf(used)} until the migration commits. Leave it out: each statement takes what it needs`,
    };
  }
  if ('VacuumStmt' in statement && hasOption(statement.VacuumStmt.options, 'full'))
    return { problem: 'VACUUM FULL rewrites the table while nobody can use it. Use VACUUM' };
  if ('ClusterStmt' in statement)
    return {
      problem:
        'CLUSTER rewrites the table while nobody can use it. Make an index with INCLUDE for the reads that need the order',
    };
  if ('ReindexStmt' in statement && !hasOption(statement.ReindexStmt.params, 'concurrently'))
    return { problem: 'REINDEX stops every change of the table. Use REINDEX … CONCURRENTLY' };
  if ('RefreshMatViewStmt' in statement) {
    const { relation, concurrent } = statement.RefreshMatViewStmt;
    if (!schema.isReleased(relation) || concurrent === true) return undefined;
    return {
      problem:
        'REFRESH stops every read of the view until it is done. Use REFRESH MATERIALIZED VIEW CONCURRENTLY',
    };
  }
  if ('DropStmt' in statement && statement.DropStmt.concurrent !== true) {
    const { objects = [], removeType } = statement.DropStmt;
    if (removeType !== 'OBJECT_TABLE' && removeType !== 'OBJECT_INDEX' && removeType !== 'OBJECT_TRIGGER')
      return undefined;
    const [first] = objects;
    return { locks: first !== undefined && 'List' in first ? stringsOf(first.List.items).join('.') : '' };
  }
  return undefined;
}

/** Whether an option such as FULL is given. `(full false)` also counts as given, because nobody writes it. */
export function hasOption(options: readonly Node[] = [], name: string): boolean {
  const given = options.flatMap((node): DefElem[] => ('DefElem' in node ? [node.DefElem] : []));
  return given.some(({ defname }) => defname === name);
}
