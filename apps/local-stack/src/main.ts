/** `npm start`, `npm run reset`, `npm run token` and `npm run sql`, after infra/bootstrap.mjs has made the machine ready. */
import { parseArgs } from 'node:util';
import { loadSecrets } from './access/secrets.ts';
import { runSql } from './access/sql.ts';
import { signToken } from './access/token.ts';
import { portBase, portsFrom } from './machine/ports.ts';
import { stackFolder, stackRoot } from './machine/stack-folder.ts';
import { StackProblem } from './problem.ts';
import { resetStack } from './reset.ts';
import { externalStores } from './services/service-env.ts';
import { services } from './services/service-table.ts';
import { createStack } from './stack.ts';
import { databaseUrl, superuser } from './stores/postgres.ts';

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { scope: { type: 'string', default: 'catalog:read' }, aud: { type: 'string' } },
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
    redisProgram: process.env['REDIS_SERVER'] ?? 'redis-server',
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

async function token(): Promise<void> {
  const secrets = await loadSecrets(ownFolder().secretsFile);
  if (!secrets)
    throw new StackProblem(
      'There is no local stack yet, so no key to sign with.',
      'Start it first: npm start',
    );
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

const commands: Readonly<Record<string, () => Promise<void>>> = { start, reset, token, sql };

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
