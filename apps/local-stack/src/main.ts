/** `npm start` and the other commands of the stack. infra/bootstrap.mjs has prepared the machine before. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { OPERATE_SCOPE } from '@catalog/contracts';
import { runCommand } from '@catalog/runtime';
import { loadSecrets, type Secrets } from './access/secrets.ts';
import { composeFolderName, composeSecretsFile, writeComposeSecrets } from './access/compose-secrets.ts';
import {
  kubernetesFolderName,
  kubernetesSecretsFile,
  writeKubernetesSecrets,
} from './access/kubernetes-secrets.ts';
import { signToken } from './access/token.ts';
import { exportFile } from './export/export-file.ts';
import { importFile } from './import/import-file.ts';
import { host, portBase, portsFrom } from './machine/ports.ts';
import type { RunEntry } from './machine/run-file.ts';
import { repositoryRoot, resetStack, stackFolder, stackRoot } from './machine/stack-folder.ts';
import { examine, findingLines } from './operate/doctor.ts';
import { runSql } from './operate/sql.ts';
import { audit, auditReport, purge, type WorkerCallOptions } from './operate/worker-calls.ts';
import { StackProblem } from './problem.ts';
import { externalStores } from './service-process.ts';
import { consoleAdmin, services } from './service-table.ts';
import { createStack } from './stack.ts';
import { printableLines } from './terminal.ts';
import { cacheServers } from './stores/cluster.ts';
import { databaseUrl, superuser } from './stores/postgres.ts';

const commandLine = {
  allowPositionals: true,
  options: {
    scope: { type: 'string', default: 'catalog:read' },
    aud: { type: 'string' },
    role: { type: 'string' },
    compose: { type: 'boolean', default: false },
    kubernetes: { type: 'boolean', default: false },
    cluster: { type: 'boolean', default: false },
    mode: { type: 'string', default: 'reject-all' },
    'dry-run': { type: 'boolean', default: false },
    'on-existing': { type: 'string', default: 'update' },
    'on-missing': { type: 'string', default: 'create' },
    columns: { type: 'string' },
    key: { type: 'string' },
    entity: { type: 'string' },
    all: { type: 'boolean' },
    reason: { type: 'string' },
  },
} as const;

/** infra/bootstrap.mjs has refused what the command does not take. This says it to whoever starts the script alone. */
function readCommandLine() {
  try {
    return parseArgs(commandLine);
  } catch (error) {
    console.error(`\n  ✖ ${(error as Error).message}\n`);
    return process.exit(1);
  }
}
const { positionals, values } = readCommandLine();

const say = (line: string) => console.log(printableLines(line.startsWith('\n') ? line : `  ${line}`));

const ownFolder = () => stackFolder(portBase(process.env), stackRoot(process.env));

const self: RunEntry = {
  name: 'local-stack',
  pid: process.pid,
  marker: import.meta.filename,
  stopSignal: 'SIGTERM',
};

/** Aborts on Ctrl-C and the like, and when the set-up script that started us is gone, and the terminal with it. */
function endSignal(onEnd: (reason: string) => void = () => {}): AbortSignal {
  const ended = new AbortController();
  const end = (reason: string) => {
    if (!ended.signal.aborted) onEnd(reason);
    ended.abort();
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => end(signal));
  process.on('disconnect', () => end('npm start has ended'));
  return ended.signal;
}

async function start(onlyStores = false): Promise<void> {
  const base = portBase(process.env);
  const stack = createStack({
    folder: ownFolder(),
    ports: portsFrom(base),
    external: externalStores(process.env),
    cache: cacheServers(process.env),
    services,
    redisProgram: process.env['REDIS_SERVER'] || 'redis-server',
    onlyStores,
    changeSource: process.env['CHANGE_SOURCE'],
    prefix: process.env['PORT_BASE'] ? `PORT_BASE=${base} ` : '',
    supervisor: self,
    say,
  });
  let began_ms = performance.now();
  const signal = endSignal((reason) => {
    began_ms = performance.now();
    say(`${reason}: stopping`);
  });
  await stack.run(signal);
  say(`stopped (${((performance.now() - began_ms) / 1000).toFixed(1)} s); the data is kept`);
}

async function reset(): Promise<void> {
  await resetStack(ownFolder(), self, say);
}

const composeFolder = () => join(stackRoot(process.env), composeFolderName);

async function signingSecrets(): Promise<Secrets> {
  const file = values.compose ? join(composeFolder(), composeSecretsFile) : ownFolder().secretsFile;
  const secrets = await loadSecrets(file);
  if (secrets) return secrets;
  throw new StackProblem(
    'There is no local stack yet, so no key to sign with.',
    values.compose ? 'Write the keys first: npm run secrets' : 'Start it first: npm start',
  );
}

async function token(): Promise<void> {
  const audience = values.aud === undefined ? {} : { audience: values.aud };
  console.log(await signToken(await signingSecrets(), { scope: values.scope, ...audience }, Date.now()));
}

/** The database of the stack or, if the environment names one, a real database. */
async function urlOfDatabase(login: string): Promise<string> {
  const { database } = externalStores(process.env);
  if (database !== undefined) return database;
  const secrets = await loadSecrets(ownFolder().secretsFile);
  if (!secrets)
    throw new StackProblem('There is no local stack yet, so no database.', 'Start it first: npm start');
  return databaseUrl(portsFrom(portBase(process.env)).postgres, login, secrets.postgres[login] ?? '');
}

async function sql(): Promise<void> {
  const statement = positionals.slice(1).join(' ').trim();
  if (statement === '')
    throw new StackProblem(
      'No statement was given.',
      'npm run sql -- "select sku, name, price_minor from catalog.products limit 3"\nMore: npm run sql -- --help',
    );
  console.log(await runSql(await urlOfDatabase(superuser), statement));
}

/** Exits with 1 if something does not work. */
async function doctor(): Promise<number> {
  const findings = await examine({
    folder: ownFolder(),
    ports: portsFrom(portBase(process.env)),
    services,
    databaseUrl: () => urlOfDatabase(superuser),
  });
  for (const line of findingLines(findings)) say(line);
  return findings.some(({ grade }) => grade === 'bad') ? 1 : 0;
}

/** Writes what docker-compose.yml or infra/kubernetes reads. */
async function secrets(): Promise<void> {
  if (values.kubernetes) {
    const folder = join(stackRoot(process.env), kubernetesFolderName);
    const written = await writeKubernetesSecrets(folder, services, values);
    say(`${written.length} secrets; apply them with:`);
    say(`kubectl create namespace catalog; kubectl apply -f ${join(folder, kubernetesSecretsFile)}`);
    return;
  }
  const files = await writeComposeSecrets(composeFolder(), services, values);
  const { username, password } = consoleAdmin;
  const profile = values.cluster ? '--profile cluster ' : '';
  say(`${files.length} files are in ${composeFolder()}; start with: docker compose ${profile}up --build`);
  say(
    `sign in to http://127.0.0.1:4000 as ${username}; the password is in ${join(composeFolder(), password)}`,
  );
}

/** The console has a command of its own for its users: `users put ann --role viewer`. */
async function users(): Promise<number> {
  const role = services.find(({ name }) => name === 'console')?.databaseRole ?? '';
  const main = join(repositoryRoot, 'apps/console/server/users-main.ts');
  const child = spawn(process.execPath, [main, ...process.argv.slice(3)], {
    env: { ...process.env, DATABASE_URL: await urlOfDatabase(role) },
    stdio: 'inherit',
  });
  const [code] = (await once(child, 'exit')) as [number | null];
  return code ?? 1;
}

/** npm runs its scripts in the root of the repository. INIT_CWD is where the person called it. */
const pathOf = (file: string): string => resolve(process.env['INIT_CWD'] ?? process.cwd(), file);

async function runExport(): Promise<void> {
  const [, file = '', ...filters] = positionals;
  const secrets = await signingSecrets();
  await exportFile({
    file: file === '' ? '' : pathOf(file),
    filters,
    readUrl: `http://${host}:${portsFrom(portBase(process.env))['catalog-read']}`,
    token: () => signToken(secrets, { scope: 'catalog:read' }, Date.now()),
    signal: endSignal(),
    say,
  });
}

/** Exits with 1 unless the file was imported. */
async function runImport(): Promise<number> {
  const secrets = await signingSecrets();
  const file = positionals[1] ?? '';
  const succeeded = await importFile({
    file: file === '' ? '' : pathOf(file),
    mode: values.mode,
    dryRun: values['dry-run'],
    onExisting: values['on-existing'],
    onMissing: values['on-missing'],
    columns: values.columns,
    writeUrl: `http://${host}:${portsFrom(portBase(process.env))['catalog-write']}`,
    token: () => signToken(secrets, { scope: 'catalog:write' }, Date.now()),
    signal: endSignal(),
    terminal: process.stdout,
    say,
  });
  return succeeded ? 0 : 1;
}

async function workerCall(): Promise<WorkerCallOptions> {
  const secrets = await signingSecrets();
  const request = { scope: OPERATE_SCOPE, subject: `terminal:${process.env['USER'] ?? 'unknown'}` };
  return {
    workerUrl: `http://${host}:${portsFrom(portBase(process.env))['invalidation-worker']}`,
    token: await signToken(secrets, request, Date.now()),
  };
}

async function runPurge(): Promise<void> {
  say(await purge(values, await workerCall()));
}

/** Exits with 1 if an entry was wrong, or could not be decided. */
async function runAudit(): Promise<number> {
  const result = await audit(await workerCall());
  for (const line of auditReport(result)) say(line);
  return result.right === result.checked ? 0 : 1;
}

/** Each returns its exit code, if it is not 0. */
const commands: Readonly<Record<string, () => Promise<number | void>>> = {
  start: () => start(),
  stores: () => start(true),
  reset,
  token,
  sql,
  users,
  secrets,
  import: runImport,
  export: runExport,
  purge: runPurge,
  audit: runAudit,
  doctor,
};

await runCommand(
  async () => {
    const command = commands[positionals[0] ?? ''];
    if (!command)
      throw new StackProblem(
        `There is no command "${positionals[0] ?? ''}".`,
        `Use one of: ${Object.keys(commands).join(', ')}`,
      );
    return (await command()) ?? 0;
  },
  (error) =>
    error instanceof StackProblem
      ? printableLines(`\n  ✖ ${error.message}\n    ${error.remedy.replaceAll('\n', '\n    ')}\n`)
      : undefined,
);
