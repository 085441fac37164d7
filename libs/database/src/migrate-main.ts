/** `npm run migrate`: brings the database of DATABASE_DIRECT_URL (as its owner) to the schema of this code. */
import { migrate } from './migrations/migrate.ts';

const url = process.env['DATABASE_DIRECT_URL'];
if (url === undefined) {
  console.error("DATABASE_DIRECT_URL is not set: the owner's connection, not through a pooler");
  process.exit(2);
}
const log = {
  info: (details: object, message: string) => console.log(JSON.stringify({ ...details, msg: message })),
};
try {
  const { current, applied } = await migrate(url, { log });
  log.info({ current, applied: applied.length }, 'the schema is current');
} catch (error) {
  console.error(error instanceof Error ? `${error.name}: ${error.message}` : String(error));
  process.exitCode = 1;
}
