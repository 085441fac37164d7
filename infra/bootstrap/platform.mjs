import { SetupError } from './steps.mjs';

const oldestNode = 20;
/** The platforms with npm packages of the pinned Node and of Postgres. */
const supported = ['linux-x64', 'linux-arm64', 'darwin-x64', 'darwin-arm64'];

/**
 * Refuses machines on which a later step would fail with an unclear error.
 * @param {(text: string) => void} [note]
 * @param {{ platform: string, arch: string, nodeVersion: string, musl: boolean }} [machine]
 */
export function checkPlatform(note = () => {}, machine = thisMachine()) {
  const name = `${machine.platform}-${machine.arch}`;
  if (!supported.includes(name)) {
    throw new SetupError(
      `${name} is not supported: there is no Postgres package for it.`,
      `Use one of ${supported.join(', ')}; on Windows, use WSL 2.`,
    );
  }
  if (machine.musl) {
    throw new SetupError(
      'This Linux uses musl instead of glibc (Alpine, for example), for which there is no Postgres package.',
      'Use a distribution with glibc, such as Debian, Ubuntu or Fedora.',
    );
  }
  if (Number.parseInt(machine.nodeVersion, 10) < oldestNode) {
    throw new SetupError(
      `Node ${machine.nodeVersion} is too old to start the set-up.`,
      `Install Node ${oldestNode} or newer. The set-up then installs the version that runs the services.`,
    );
  }
  note(`${name}, Node ${machine.nodeVersion}`);
}

function thisMachine() {
  return {
    platform: process.platform,
    arch: process.arch,
    nodeVersion: process.versions.node,
    musl: process.platform === 'linux' && usesMusl(),
  };
}

function usesMusl() {
  const report = /** @type {{ header: { glibcVersionRuntime?: string } }} */ (process.report.getReport());
  return report.header.glibcVersionRuntime === undefined;
}
