/** What each npm command takes, and its `--help`. It works before anything is installed. */
import { parseArgs } from 'node:util';
import { SetupError } from './steps.mjs';

/**
 * @typedef {object} Option
 * @property {'string' | 'boolean'} type
 * @property {string} about
 * @property {string} [value] the value that follows it, such as `FILE`
 */
/**
 * @typedef {object} CommandLine
 * @property {string} about
 * @property {string} [takes] the arguments without `--`
 * @property {Readonly<Record<string, Option>>} [options]
 * @property {string[]} [examples] what to type after `npm run NAME --`
 * @property {boolean} [own] the command checks its arguments and shows its help itself
 */

const connection = 'PORT_BASE chooses the stack, 4000 unless set.';

/** @type {Readonly<Record<string, CommandLine>>} */
const commandLines = {
  start: {
    about: `Installs what is missing, starts everything on this machine, and loads the demo catalog. Ctrl-C stops all and keeps the data. PORT_BASE moves all ports, 4000 unless set. With CACHE=cluster the cache is a Redis Cluster.`,
  },
  test: {
    about: 'Runs every check and test. What is given goes to nx: `-p cache` runs those of one package.',
    takes: '[-p PACKAGE]',
    examples: ['-p cache'],
    own: true,
  },
  reset: { about: `Deletes the local data of a stack that is not running. ${connection}` },
  token: {
    about: `Prints a service token that is valid for 5 minutes. ${connection}`,
    options: {
      scope: {
        type: 'string',
        value: 'SCOPES',
        about: 'what the token allows, separated by spaces; default: catalog:read',
      },
      aud: {
        type: 'string',
        value: 'SERVICE',
        about: 'the service that accepts the token; default: the one of the scopes',
      },
      compose: { type: 'boolean', about: 'signs with the key of `npm run secrets`, for docker compose' },
    },
    examples: ['--scope catalog:write', '--scope "orders:read orders:write"'],
  },
  sql: {
    about: `Runs SQL on the database of the running stack, as its owner, and prints rows and command tags. ${connection}`,
    takes: '"STATEMENT"',
    examples: [
      '"select sku, name, price_minor from catalog.products limit 3"',
      `"update catalog.products set price_minor = price_minor + 1 where brand = 'Acme'"`,
    ],
  },
  secrets: {
    about: 'Writes keys and passwords for `docker compose up --build`.',
    options: {
      kubernetes: { type: 'boolean', about: 'writes those for infra/kubernetes' },
      cluster: { type: 'boolean', about: 'the cache is a Redis Cluster: docs/cluster.md' },
    },
  },
  users: {
    about: `Manages who may sign in to the console. A password comes from the standard input; on a terminal it is made up and printed. ${connection}`,
    takes: 'list | put NAME | remove NAME',
    options: {
      role: { type: 'string', value: 'ROLE', about: 'admin, editor or viewer; viewer unless given' },
    },
    examples: ['list', 'put ann --role editor', 'remove ann'],
  },
  import: {
    about: `Imports a .csv, .ndjson or .jsonl file of any size into the running stack. ${connection}`,
    takes: 'FILE',
    options: {
      mode: {
        type: 'string',
        value: 'MODE',
        about: 'reject-all (the default) imports all records or none; skip-failed imports the valid ones',
      },
      'dry-run': { type: 'boolean', about: 'changes nothing, and shows what would change' },
      'on-existing': {
        type: 'string',
        value: 'RULE',
        about: 'update (the default), skip or fail for a SKU that has a product',
      },
      'on-missing': {
        type: 'string',
        value: 'RULE',
        about: 'create (the default), skip or fail for a SKU that has no product',
      },
      columns: {
        type: 'string',
        value: 'NAMES',
        about: 'names of CSV columns and their fields: "Weight (g):weightGrams,Supplier:"',
      },
    },
    examples: ['prices.csv --dry-run', 'supplier.csv --on-existing skip'],
  },
  export: {
    about: `Writes one snapshot of the products to a .csv or .ndjson file, which can be imported as it is. Filters are those of GET /v1/products. ${connection}`,
    takes: 'FILE [FILTER=VALUE …]',
    examples: ['all.csv', 'acme.ndjson brand=Acme status=active,draft'],
  },
  purge: {
    about: `Removes keys from the cache of the running stack. ${connection}`,
    options: {
      key: { type: 'string', value: 'KEY', about: 'one key, such as product:<id> or sku:<sku>' },
      entity: { type: 'string', value: 'NAME', about: 'all keys of an entity, such as product' },
      all: { type: 'boolean', about: 'everything' },
      reason: { type: 'string', value: 'TEXT', about: 'why; the log of the worker keeps it' },
    },
    examples: ['--entity product --reason "wrong prices at noon"'],
  },
  audit: {
    about: `Compares every cached entry with Postgres, repairs what differs and reports it. Exits with 1 if something differed. ${connection}`,
  },
  doctor: {
    about: `Looks at this machine and at the running stack, and says what is wrong and what to do. It changes nothing. Exits with 1 if something does not work. ${connection}`,
  },
  bench: { about: 'Measures the claims.', own: true },
  faults: { about: 'Injects every fault under checked load.', own: true },
  prove: {
    about:
      'Searches all schedules of the protocol and of the change feed for a broken rule, and shows that each wrong variant breaks one. Needs no server.',
  },
};

/** How a person types it. @param {string} name */
const typed = (name) => (name === 'start' || name === 'test' ? `npm ${name}` : `npm run ${name}`);

/**
 * @param {string} name
 * @returns {string}
 */
export function helpOf(name) {
  const { about, takes, options = {}, examples = [] } = commandLines[name] ?? { about: '' };
  const line = (/** @type {string} */ left, /** @type {string} */ right) => `  ${left.padEnd(22)} ${right}`;
  const optionLines = Object.entries(options).map(([option, { value = '', about: text }]) =>
    line(`--${option} ${value}`.trimEnd(), text),
  );
  const hasOptions = optionLines.length > 0;
  return [
    `Usage: ${typed(name)}${takes || hasOptions ? ' --' : ''}${takes ? ` ${takes}` : ''}${hasOptions ? ' [options]' : ''}`,
    '',
    about,
    '',
    ...optionLines,
    line('--help', 'shows this'),
    ...(examples.length > 0 ? ['', 'Examples:', ...examples.map((one) => `  ${typed(name)} -- ${one}`)] : []),
  ].join('\n');
}

/** @param {string[]} args */
export const asksForHelp = (args) => args.includes('--help') || args.includes('-h');

/**
 * Refuses arguments that the command does not take, before any work begins.
 * @param {string} name
 * @param {string[]} args
 */
export function checkArguments(name, args) {
  const { takes, options = {}, own = false } = commandLines[name] ?? {};
  if (own) return;
  try {
    const types = Object.entries(options).map(
      ([option, { type }]) => /** @type {const} */ ([option, { type }]),
    );
    parseArgs({ args, allowPositionals: takes !== undefined, options: Object.fromEntries(types) });
  } catch (error) {
    const [what] = /** @type {Error} */ (error).message.split(/\. (?=To|This)/);
    throw new SetupError(`${what}.`.replace(/\.\.$/, '.'), `See: ${typed(name)} -- --help`);
  }
}
