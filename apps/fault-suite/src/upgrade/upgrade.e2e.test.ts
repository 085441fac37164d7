/** The services of the previous commit beside the present ones. */
import { expect, test } from 'vitest';
import { findPrevious } from './previous.ts';
import { runUpgrade } from './run-upgrade.ts';

test('services of the previous commit and present ones work side by side, also after going back', async ({
  skip,
}) => {
  const previous = await findPrevious();
  if ('why' in previous) return skip(previous.why);
  const { outcomes } = await runUpgrade({ seed: 20_261_129, patience: 0, say: () => {} });
  expect(outcomes.flatMap(({ story }) => story)).toEqual([]);
  expect(outcomes.map(({ operations }) => operations > 1_000)).toEqual([true]);
}, 400_000);
