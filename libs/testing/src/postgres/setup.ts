/** vitest `globalSetup`: one Postgres for the run. `inject('postgresUrl')` gives its superuser URL. */
import type { TestProject } from 'vitest/node';
import { startPostgres } from './server.ts';

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const server = await startPostgres();
  project.provide('postgresUrl', server.url);
  return () => server.stop();
}
