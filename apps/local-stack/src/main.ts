/** `npm start` and the other commands of the stack, after infra/bootstrap.mjs has made the machine ready. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { OPERATE_SCOPE } from '@catalog/contracts';
import { loadSecrets, type Secrets } from './access/secrets.ts';
import { runSql } from './access/sql.ts';
import { signToken } from './access/token.ts';
import { composeFolderName, composeSecretsFile, writeComposeSecrets } from './compose/compose-secrets.ts';
import { importFile } from './import/import-file.ts';
import { host, portBase, portsFrom } from './machine/ports.ts';
import { repositoryRoot, stackFolder, stackRoot } from './machine/stack-folder.ts';
import { StackProblem } from './problem.ts';
import { audit, auditReport, purge, type WorkerCallOptions } from './operate/worker-calls.ts';
import { resetStack } from './reset.ts';
import { externalStores } from './services/service-env.ts';
import { consoleAdmin, services } from './services/service-table.ts';
import { createStack } from './stack.ts';
import { databaseUrl, superuser } from './stores/postgres.ts';

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    scope: { type: 'string', default: 'catalog:read' },
    aud: { type: 'string' },
    role: { type: 'string' },
    compose: { type: 'boolean', default: false },
    mode: { type: 'string', default: 'reject-all' },
    'dry-run': { type: 'boolean', default: false },
    key: { type: 'string' },
    entity: { type: 'string' },
    all: { type: 'boolean' },
    reason: { type: 'string' },
  },
});

const say = (line: string) => console.log(line.startsWith('\n') ? line : `  ${line}`);

const ownFolder = () => stackFolder(portBase(process.env), stackRoot(process.env));

async function start(): Promise<void> {
  const base = portBase(process.env);
  const stack = createStack({
    folder: ownFolder(),
    ports: portsFrom(base),
    external: externalStores(process.env),
    services,
    redisProgram: process.env['REDIS_SERVER'] || 'redis-server',
    prefix: process.env['PORT_BASE'] ? `PORT_BASE=${base} ` : '',
    marker: import.meta.filename,
    say,
  });
  const end = Promise.withResolvers<void>();
  let ending = false;
  const onEnd = (why: string) => {
    if (ending) return;
    ending = true;
    say(`${why}: stopping`);
    end.resolve();
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => onEnd(signal));
  // The set-up script that started us is gone, and with it the terminal.
  process.on('disconnect', () => onEnd('npm start has ended'));
  try {
    await Promise.race([stack.run(), end.promise]);
    await end.promise;
  } finally {
    const began = performance.now();
    await stack.stop();
    say(`stopped (${((performance.now() - began) / 1000).toFixed(1)} s); the data is kept`);
  }
}

async function reset(): Promise<void> {
  await resetStack(ownFolder(), say);
}

const composeFolder = () => join(stackRoot(process.env), composeFolderName);

async function signingSecrets(): Promise<Secrets> {
  const file = values.compose ? join(composeFolder(), composeSecretsFile) : ownFolder().secretsFile;
  const secrets = await loadSecrets(file);
  if (!secrets)
    throw new StackProblem(
      'There is no local stack yet, so no key to sign with.',
      values.compose ? 'Write the keys first: npm run secrets' : 'Start it first: npm start',
    );
  return secrets;
}

async function token(): Promise<void> {
  const secrets = await signingSecrets();
  const audience = values.aud === undefined ? {} : { audience: values.aud };
  console.log(await signToken(secrets, { scope: values.scope, ...audience }, Date.now()));
}

async function sql(): Promise<void> {
  const { database } = externalStores(process.env);
  const secrets = await loadSecrets(ownFolder().secretsFile);
  if (!secrets && database === undefined)
    throw new StackProblem('There is no local stack yet, so no database.', 'Start it first: npm start');
  const { postgres: port } = portsFrom(portBase(process.env));
  const url = database ?? databaseUrl(port, superuser, secrets?.postgres[superuser] ?? '');
  console.log(await runSql(url, positionals.slice(1).join(' ')));
}

/** For docker-compose.yml. */
async function secrets(): Promise<void> {
  const files = await writeComposeSecrets(composeFolder(), services);
  const { username, word } = consoleAdmin;
  say(`${files.length} files are in ${composeFolder()}; start with: docker compose up --build`);
  say(`sign in to http://127.0.0.1:4000 as ${username}; the password is in ${join(composeFolder(), word)}`);
}

/** The people of the console, by its own command: `users put ann --role viewer`. */
async function users(): Promise<void> {
  const { database } = externalStores(process.env);
  const secrets = await loadSecrets(ownFolder().secretsFile);
  if (!secrets && database === undefined)
    throw new StackProblem('There is no local stack yet, so no console.', 'Start it first: npm start');
  const { postgres: port } = portsFrom(portBase(process.env));
  const role = services.find(({ name }) => name === 'console')?.databaseRole ?? '';
  const url = database ?? databaseUrl(port, role, secrets?.postgres[role] ?? '');
  const main = join(repositoryRoot, 'apps/console/server/users-main.ts');
  const child = spawn(process.execPath, [main, ...process.argv.slice(3)], {
    env: { ...process.env, DATABASE_URL: url },
    stdio: 'inherit',
  });
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0) process.exit(code ?? 1);
}

/** Ends with 1 unless the file was imported. */
async function runImport(): Promise<void> {
  const secrets = await signingSecrets();
  const stopped = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stopped.abort());
  process.on('disconnect', () => stopped.abort());
  const file = positionals[1] ?? '';
  const succeeded = await importFile({
    // npm runs its scripts in the root of the repository and says where it was called.
    file: file === '' ? '' : resolve(process.env['INIT_CWD'] ?? process.cwd(), file),
    mode: values.mode,
    dryRun: values['dry-run'],
    writeUrl: `http://${host}:${portsFrom(portBase(process.env))['catalog-write']}`,
    token: () => signToken(secrets, { scope: 'catalog:write' }, Date.now()),
    signal: stopped.signal,
    terminal: process.stdout,
    say,
  });
  if (!succeeded) process.exit(1);
}

async function workerCall(): Promise<WorkerCallOptions> {
  const secrets = await signingSecrets();
  const request = { scope: OPERATE_SCOPE, subject: `terminal:${process.env['USER'] ?? 'somebody'}` };
  return {
    workerUrl: `http://${host}:${portsFrom(portBase(process.env))['invalidation-worker']}`,
    token: await signToken(secrets, request, Date.now()),
  };
}

async function runPurge(): Promise<void> {
  say(await purge(values, await workerCall()));
}

/** Ends with 1 where anything was wrong, or could not be told. */
async function runAudit(): Promise<void> {
  const result = await audit(await workerCall());
  for (const line of auditReport(result)) say(line);
  if (result.right !== result.checked) process.exit(1);
}

const commands: Readonly<Record<string, () => Promise<void>>> = {
  start,
  reset,
  token,
  sql,
  users,
  secrets,
  import: runImport,
  purge: runPurge,
  audit: runAudit,
};

try {
  const command = commands[positionals[0] ?? ''];
  if (!command) throw new StackProblem('No such command.', `Use one of: ${Object.keys(commands).join(', ')}`);
  await command();
  process.exit(0);
} catch (error) {
  if (error instanceof StackProblem) {
    console.error(`\n  ✖ ${error.message}\n    ${error.remedy.replaceAll('\n', '\n    ')}\n`);
  } else {
    console.error(error);
  }
  process.exit(1);
}
