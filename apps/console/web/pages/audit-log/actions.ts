/** What people did, as the server keeps it. */
import { amount, count } from '../../elements/values.tsx';
import { fieldNames, valueText, type FieldName } from '../../products/fields.ts';

export interface Action {
  readonly id: string;
  readonly username: string;
  readonly action: string;
  readonly target: string | null;
  readonly status: number;
  readonly detail: unknown;
  readonly actedAt: string;
}

export interface ActionPage {
  readonly data: readonly Action[];
  readonly page: { readonly nextCursor: string | null };
}

const sentences: Readonly<Record<string, string>> = {
  'product.create': 'created the product',
  'product.update': 'changed the product',
  'product.delete': 'deleted the product',
  'cache.purge': 'purged',
  'cache.audit': 'audited every cached entry',
  'queue.pause': 'paused the queue',
  'queue.resume': 'resumed the queue',
  'queue.retry': 'retried jobs of',
  'queue.clean': 'removed jobs of',
  'queue.empty': 'emptied the queue',
  'queue.promote': 'promoted jobs of',
  'queue.change': 'tried to change',
  'fault.begin': 'broke, to see what happens:',
  'fault.end': 'put back:',
  'order.complete': 'completed the order',
  'order.cancel': 'cancelled the order',
  'stock.adjust': 'adjusted the stock of',
  'settings.update': 'changed the settings',
  'session.sign-in': 'signed in from',
  'session.sign-out': 'signed out',
  'session.end': 'ended a session of their own:',
  'session.end-others': 'ended all other sessions of their own',
  'user.create': 'added the person',
  'user.role': 'changed the role of',
  'user.password': 'set a new password for',
  'user.remove': 'removed the person',
  'user.sign-out': 'signed out everywhere:',
};

export function sentenceOf({ action, detail }: Action): string {
  const { dryRun, key, file } = (detail ?? {}) as { dryRun?: string; key?: string; file?: string };
  if (action === 'product.import')
    return `${dryRun === 'true' ? 'checked' : 'imported'} ${file === undefined ? 'a file' : 'the file'}`;
  if (action === 'cache.audit' && key !== undefined) return 'audited';
  return sentences[action] ?? action;
}

export interface Outcome {
  readonly tone: 'good' | 'warn' | 'bad';
  readonly text: string;
}

/** How it ended, in a word. */
export function outcomeOf({ status }: Action): Outcome {
  if (status < 400) return { tone: 'good', text: 'done' };
  if (status === 401 || status === 403) return { tone: 'bad', text: 'refused' };
  if (status === 404 || status === 410) return { tone: 'warn', text: 'not found' };
  if (status === 409 || status === 412) return { tone: 'warn', text: 'conflict' };
  if (status === 499) return { tone: 'warn', text: 'left early' };
  if (status < 500) return { tone: 'warn', text: 'not accepted' };
  return { tone: 'bad', text: 'failed' };
}

/** What became of the records of a file. Empty for another action, and if the answer did not say it. */
export function recordsText({ action, status, detail }: Action): string {
  const { received, created, updated, failed, dryRun } = (detail ?? {}) as Readonly<Record<string, unknown>>;
  if (action !== 'product.import' || typeof received !== 'number' || typeof failed !== 'number') return '';
  if (status >= 400)
    return `${count(failed)} of ${amount(received, 'record', 'records')} failed, so nothing changed`;
  const [creates, changes] = [count(Number(created)), count(Number(updated))];
  return dryRun === 'true'
    ? `would create ${creates} and change ${changes}, ${count(failed)} failed`
    : `${creates} created, ${changes} changed, ${count(failed)} failed`;
}

/** What the sentence and the target say already, and what only the service reads. */
const saidElsewhere: Readonly<Record<string, readonly string[]>> = {
  'product.import': [
    'dryRun',
    'columns',
    'file',
    'received',
    'created',
    'updated',
    'unchanged',
    'skipped',
    'failed',
  ],
  'cache.purge': ['key'],
  'cache.audit': ['key'],
};

/** `lowStockThreshold` as people write it. */
const words = (name: string): string => name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);

/** What the person sent, on one line. A price is one only in the currency of its product. */
export function detailText({ action, detail }: Action, currency: string | undefined): string {
  if (detail === null || typeof detail !== 'object') return '';
  return Object.entries(detail)
    .filter(([name]) => saidElsewhere[action]?.includes(name) !== true)
    .map(([name, value]) => {
      const isField = action.startsWith('product.') && Object.hasOwn(fieldNames, name);
      if (isField && (name !== 'priceMinor' || currency !== undefined))
        return `${fieldNames[name as FieldName].toLowerCase()}: ${valueText(name, value, currency)}`;
      return `${words(name)}: ${typeof value === 'string' ? value : JSON.stringify(value)}`;
    })
    .join(', ');
}
