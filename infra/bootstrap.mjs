/**
 * The npm scripts call it: `node infra/bootstrap.mjs start [arguments]`, and so on.
 *
 * It runs before anything is installed, on the Node of the machine (20 or newer). So it and everything in bootstrap/ is
 * plain JavaScript that imports only Node's own modules. It prepares the machine, then starts the pinned Node, which
 * runs the TypeScript without a build.
 */
import { join } from 'node:path';
import { asksForHelp, checkArguments, helpOf } from './bootstrap/command-line.mjs';
import { ensureConsoleBuilt } from './bootstrap/console.mjs';
import { ensureInstalled, isInstalled } from './bootstrap/install.mjs';
import { checkPlatform } from './bootstrap/platform.mjs';
import { repositoryRoot, runPinned } from './bootstrap/runtime.mjs';
import { throughShutFolders } from './bootstrap/shut-folders.mjs';
import { fail, SetupError, step } from './bootstrap/steps.mjs';
import {
  ensureChromium,
  ensureKubectl,
  ensurePgBouncer,
  ensureRedis,
  lookForPrograms,
  tryFaketime,
  tryNginx,
  tryWrk,
} from './bootstrap/system-packages.mjs';
import { hasBrowserTests, runTests } from './bootstrap/test-run.mjs';

const stackMain = join(repositoryRoot, 'apps/local-stack/src/main.ts');
const benchmarkMain = join(repositoryRoot, 'apps/benchmark/src/main.ts');
const faultsMain = join(repositoryRoot, 'apps/fault-suite/src/main.ts');
const screenshotsMain = join(repositoryRoot, 'apps/console/server/testing/screenshots-main.ts');
const proofMains = ['libs/cache/proof/main.ts', 'libs/change-feed/proof/main.ts'];

/** @type {Record<string, (args: string[]) => Promise<number>>} */
const commands = {
  async start(args) {
    await prepare();
    const { CACHE_REDIS_URL, STATE_REDIS_URL } = process.env;
    const environment =
      CACHE_REDIS_URL && STATE_REDIS_URL ? {} : { REDIS_SERVER: await step('Redis', ensureRedis) };
    await step('Console', ensureConsoleBuilt);
    return runPinned([stackMain, 'start', ...args], environment, throughShutFolders());
  },
  async test(args) {
    await prepare();
    const redis = await step('Redis', ensureRedis);
    await step('kubectl', ensureKubectl);
    const pgBouncer = await step('PgBouncer', ensurePgBouncer);
    const chromium = hasBrowserTests() ? await step('Chromium', ensureChromium) : undefined;
    return runTests(args, {
      REDIS_SERVER: redis,
      PGBOUNCER: pgBouncer,
      ...(chromium && { CHROMIUM: chromium }),
    });
  },
  async bench(args) {
    await prepare();
    const redis = await step('Redis', ensureRedis);
    await step('wrk', tryWrk);
    await step('nginx', tryNginx);
    return runPinned([benchmarkMain, ...args], { REDIS_SERVER: redis }, throughShutFolders());
  },
  async faults(args) {
    await prepare();
    const redis = await step('Redis', ensureRedis);
    await step('Faketime', tryFaketime);
    return runPinned([faultsMain, ...args], { REDIS_SERVER: redis }, throughShutFolders());
  },
  /** Searches all states of the cache's protocol and of the change feed. Needs no server. */
  async prove(args) {
    await prepare();
    let failed = 0;
    for (const main of proofMains) failed ||= await runPinned([join(repositoryRoot, main), ...args]);
    return failed;
  },
  /** Makes the screenshots of the README, with a stack of its own. */
  async screenshots(args) {
    await prepare();
    const redis = await step('Redis', ensureRedis);
    const chromium = await step('Chromium', ensureChromium);
    await step('Console', ensureConsoleBuilt);
    return runPinned(
      [screenshotsMain, ...args],
      { REDIS_SERVER: redis, CHROMIUM: chromium },
      throughShutFolders(),
    );
  },
  /** Changes nothing. */
  async doctor(args) {
    await step('Platform', checkPlatform);
    for (const { name, found, neededFor, remedy } of lookForPrograms()) {
      await step(name, (note) => note(found ?? `missing. It is needed for ${neededFor}. ${remedy}`));
    }
    if (!isInstalled()) throw new SetupError('The packages are not installed.', 'Type: npm start');
    return runPinned([stackMain, 'doctor', ...args]);
  },
  async reset(args) {
    await prepare();
    return runPinned([stackMain, 'reset', ...args]);
  },
  /** Writes the files that docker-compose.yml mounts. */
  async secrets(args) {
    await prepare();
    return runPinned([stackMain, 'secrets', ...args]);
  },
};
// These print their result and nothing else, so they do not install.
for (const name of ['token', 'import', 'export', 'purge', 'audit', 'sql', 'users']) {
  commands[name] = async (args) => {
    checkPlatform();
    return runPinned([stackMain, name, ...args]);
  };
}

/**
 * Shows the help of a command and does nothing else.
 * @param {string} name
 * @param {string[]} args
 */
async function help(name, args) {
  // These two list what they can run.
  const main = name === 'bench' ? benchmarkMain : name === 'faults' ? faultsMain : undefined;
  if (main !== undefined) return runPinned([main, ...args]);
  console.log(helpOf(name));
  return 0;
}

async function prepare() {
  await step('Platform', checkPlatform);
  await step('Packages', ensureInstalled);
}

const [name = '', ...args] = process.argv.slice(2);
const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
try {
  if (!command) {
    throw new SetupError(
      name ? `There is no command "${name}".` : 'No command was given.',
      `Use one of: ${Object.keys(commands).join(', ')}.`,
    );
  }
  if (asksForHelp(args)) process.exitCode = await help(name, args);
  else {
    checkArguments(name, args);
    process.exitCode = await command(args);
  }
} catch (error) {
  process.exitCode = fail(error);
}
