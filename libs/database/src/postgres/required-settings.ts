import type { Queryable } from './pool.ts';
import { sessionSettings } from './session.ts';

/** `/readyz` shows the name of this error. */
class SessionSettingsMissing extends Error {
  override readonly name = 'SessionSettingsMissing';
}

/** @throws SessionSettingsMissing if the session lacks one of the settings that our SQL depends on */
export async function requireSettings(db: Queryable): Promise<void> {
  const { rows } = await db.query<{ name: string; value: string }>(
    'select name, current_setting(name) as value from unnest($1::text[]) as names (name)',
    [Object.keys(sessionSettings)],
  );
  const wrong = rows.find(({ name, value }) => value !== sessionSettings[name]);
  if (wrong === undefined) return;
  throw new SessionSettingsMissing(
    `the session has ${wrong.name} = "${wrong.value}" instead of "${sessionSettings[wrong.name]}": a pooler in front of Postgres ` +
      'leaves out the startup parameter "options". The migration gives the settings to the logins of LOGINS_FILE',
  );
}
