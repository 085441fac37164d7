/** vitest `globalSetup`: one Postgres for the run; its superuser URL is what `inject('postgresUrl')` gives. */
import type { TestProject } from 'vitest/node';
import { startPostgres } from './server.ts';

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const server = await startPostgres();
  project.provide('postgresUrl', server.url);
  return () => server.stop();
}
