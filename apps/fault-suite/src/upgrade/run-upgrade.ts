import { runSuite, type SuiteOptions } from '../suite.ts';
import { startSystem } from '../system/system.ts';
import { checkOut } from './checkout.ts';
import { Fleet, type Release } from './fleet.ts';
import { findPrevious } from './previous.ts';
import { upgradeRow } from './upgrade-row.ts';

export interface UpgradeOptions extends Pick<SuiteOptions, 'seed' | 'patience' | 'say'> {
  /** The commit to upgrade from. The default is that of `findPrevious`. */
  readonly from?: string;
}

/** Runs the services of another commit beside the present ones. Without such a commit it skips the row and reports the reason. */
export async function runUpgrade({ from, ...options }: UpgradeOptions): ReturnType<typeof runSuite> {
  const previous = await findPrevious(from);
  await using checkout = 'commit' in previous ? await checkOut(previous.commit) : undefined;
  const old: Release = { name: 'old', repository: checkout?.folder ?? '' };
  return await runSuite({
    ...options,
    plain: false,
    rows: [upgradeRow(previous, old)],
    start: () => startSystem({ startFleet: (stack) => Fleet.start(stack, old) }),
  });
}
