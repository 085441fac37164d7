/** `npm run prove` runs this. It exits with 1 if a claim does not hold, or a control breaks no rule. */
import { prove } from '@catalog/testing/model-search';
import { claims, controls } from './claims.ts';

const isProved = prove({ title: 'The change feed (libs/change-feed)', claims, controls });
process.exitCode = isProved ? 0 : 1;
