/** `npm run prove` runs this. It exits with 1 if a claim does not hold, or a control breaks no rule. */
import { prove } from '@catalog/testing/model-search';
import { claims, controls, type EntryClaim } from './protocol/claims.ts';
import { EntryModel } from './protocol/entry-model.ts';

const withModel = ({ name, options }: EntryClaim) => ({ name, createModel: () => new EntryModel(options) });

const isProved = prove({
  title: 'The protocol of a cache entry (libs/cache)',
  claims: claims.map(withModel),
  controls: controls.map(withModel),
});
process.exitCode = isProved ? 0 : 1;
