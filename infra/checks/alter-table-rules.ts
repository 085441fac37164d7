/** Which forms of ALTER TABLE hold their lock only for a moment. */
import type { AlterTableCmd, AlterTableType, ColumnDef, Constraint, Node } from 'libpg-query';
import { stringsOf, type ReleasedSchema } from './released-schema.ts';

/** These forms change only the system catalogs of Postgres. The check refuses every form that has no rule in this file. */
const brief = new Set<AlterTableType>([
  'AT_ColumnDefault',
  'AT_DropNotNull',
  'AT_DropColumn',
  'AT_DropConstraint',
  'AT_DropIdentity',
  'AT_DropExpression',
  'AT_SetStatistics',
  'AT_SetOptions',
  'AT_ResetOptions',
  'AT_SetStorage',
  'AT_SetCompression',
  'AT_SetRelOptions',
  'AT_ResetRelOptions',
  'AT_EnableTrig',
  'AT_EnableAlwaysTrig',
  'AT_EnableRowSecurity',
  'AT_DisableRowSecurity',
  'AT_ForceRowSecurity',
  'AT_NoForceRowSecurity',
  'AT_ReplicaIdentity',
  'AT_ChangeOwner',
  'AT_DetachPartition',
]);

const instead: Partial<Record<AlterTableType, string>> = {
  AT_AlterColumnType:
    'a new type rewrites the table and its indexes while nobody can use it. Add a column of the new type, copy the values in ' +
    'batches, let the services use it, and drop the old column in the release after',
  AT_SetNotNull:
    'SET NOT NULL reads the whole table while nobody can use it. Add it with ADD CONSTRAINT … NOT NULL column NOT VALID, and ' +
    'VALIDATE CONSTRAINT in a file of its own',
  AT_DisableTrig:
    'without its triggers the table records no changes, so caches keep old values. Replace the function of the trigger instead',
};

/** @returns why this part of an ALTER TABLE of a released table is refused; undefined if it is short */
export function alterProblem(command: AlterTableCmd, schema: ReleasedSchema): string | undefined {
  const { subtype, def } = command;
  if (subtype === undefined || brief.has(subtype)) return undefined;
  if (subtype === 'AT_AddColumn' && def !== undefined && 'ColumnDef' in def)
    return columnProblem(def.ColumnDef, schema);
  if (subtype === 'AT_AddConstraint' && def !== undefined && 'Constraint' in def)
    return constraintProblem(def.Constraint);
  if (subtype === 'AT_AttachPartition' && def !== undefined && 'PartitionCmd' in def) {
    // Postgres reads all rows of the partition. A new table has few.
    if (!schema.isReleased(def.PartitionCmd.name)) return undefined;
    return 'ATTACH PARTITION reads the whole partition while nobody can use it. Attach a new table, and move the rows in batches';
  }
  return (
    instead[subtype] ??
    `${subtype} may read or rewrite the whole table while nobody can use it. If it is short, say so in infra/checks/alter-table-rules.ts`
  );
}

function constraintProblem({ contype, skip_validation, indexname }: Constraint): string | undefined {
  switch (contype) {
    case 'CONSTR_UNIQUE':
    case 'CONSTR_PRIMARY':
      if (indexname !== undefined) return undefined;
      return (
        'the constraint builds its index while nobody can use the table. Build it first with CREATE UNIQUE INDEX CONCURRENTLY, ' +
        'then ADD CONSTRAINT … USING INDEX'
      );
    case 'CONSTR_EXCLUSION':
      return 'an exclusion constraint builds its index while nobody can use the table. Make a new table with it';
    default:
      if (skip_validation === true) return undefined;
      return (
        'the constraint reads the whole table while nobody can use it. Add it NOT VALID, and VALIDATE CONSTRAINT in a file of ' +
        'its own'
      );
  }
}

function columnProblem(
  { typeName, constraints = [] }: ColumnDef,
  schema: ReleasedSchema,
): string | undefined {
  const type = stringsOf(typeName?.names).join('.');
  if (/(?:^|\.)(?:small|big)?serial[248]?$/.test(type))
    return 'a serial column rewrites the table. Add the column without a default, set the default, and fill the rows in batches';
  if (schema.isDomain(type))
    return (
      `a column of the domain ${type} rewrites the table while nobody can use it. Give it the base type, and add what the ` +
      'domain checks as a constraint NOT VALID'
    );
  for (const each of constraints) {
    if (!('Constraint' in each)) continue;
    const { contype, raw_expr, generated_kind } = each.Constraint;
    if (contype === 'CONSTR_NULL' || contype === 'CONSTR_NOTNULL') continue;
    if (contype === 'CONSTR_DEFAULT' && isStable(raw_expr)) continue;
    if (contype === 'CONSTR_GENERATED' && generated_kind === 'v') continue;
    if (contype === 'CONSTR_DEFAULT')
      return (
        'a default that differs for each row rewrites the table. Add the column without it, SET DEFAULT for new rows, and fill ' +
        'the old ones in batches'
      );
    return (
      'Postgres computes or checks the new column for every row while nobody can use the table. Add the column alone, fill it in ' +
      'batches, and add constraints NOT VALID'
    );
  }
  return undefined;
}

/** These clocks have one value for all rows of a statement. */
const clocks = ['now', 'transaction_timestamp', 'statement_timestamp'];

function isStable(expression: Node | undefined): boolean {
  if (expression === undefined) return false;
  if ('SQLValueFunction' in expression) return true;
  if ('FuncCall' in expression) return clocks.includes(stringsOf(expression.FuncCall.funcname).at(-1) ?? '');
  return isConstant(expression);
}

/** Whether it is a constant, or a list or cast of constants. */
export function isConstant(expression: Node | undefined): boolean {
  if (expression === undefined) return false;
  if ('A_Const' in expression) return true;
  if ('TypeCast' in expression) return isConstant(expression.TypeCast.arg);
  if ('A_ArrayExpr' in expression) return (expression.A_ArrayExpr.elements ?? []).every(isConstant);
  if ('List' in expression) return (expression.List.items ?? []).every(isConstant);
  return false;
}
