/** `npm run prove` runs this. It exits with 1 if a claim does not hold, or a control breaks no rule. */
import { prove } from '@catalog/testing/model-search';
import { claims, controls, type EntryClaim } from './protocol/claims.ts';
import { EntryModel } from './protocol/entry-model.ts';
import * as shards from './shards/claims.ts';

const withModel = ({ name, options }: EntryClaim) => ({ name, createModel: () => new EntryModel(options) });

const isProved = [
  prove({
    title: 'The protocol of a cache entry (libs/cache)',
    claims: claims.map(withModel),
    controls: controls.map(withModel),
  }),
  prove({
    title: 'A slot that moves between two shards of a cluster (libs/cache)',
    claims: shards.claims.map(shards.withModel),
    controls: shards.controls.map(shards.withModel),
  }),
].every(Boolean);
process.exitCode = isProved ? 0 : 1;
