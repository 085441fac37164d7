/** Builds the app once before the tests, as `npm start` does, so that they never see an old one. */
import { join } from 'node:path';
import { build } from 'vite';

export async function setup(): Promise<void> {
  const { NODE_ENV } = process.env;
  // Vitest sets `test`. Then the app would hold React's slow variant for developers, which nobody else uses.
  process.env['NODE_ENV'] = 'production';
  await build({ configFile: join(import.meta.dirname, '../../vite.config.ts'), logLevel: 'error' });
  process.env['NODE_ENV'] = NODE_ENV;
}
