import { readFileSync } from 'node:fs';
import { ruleText } from '@catalog/contracts';
import type { z } from 'zod';
import { isSecret } from './values.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** All mistakes in the environment, one line each. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly mistakes: readonly string[];

  constructor(mistakes: readonly string[]) {
    super(
      `the configuration has ${mistakes.length === 1 ? 'a mistake' : `${mistakes.length} mistakes`}:\n${mistakes.map((mistake) => `  ${mistake}`).join('\n')}`,
    );
    this.mistakes = mistakes;
  }
}

/** Hides the passwords in URLs. */
export function withoutCredentials(value: string): string {
  return value.replace(/(:\/\/[^\s/@:]*):[^\s/]*@/g, '$1:***@');
}

function shown(schema: z.ZodType, name: string, value: string): string {
  if (isSecret(schema) || /PASSWORD|SECRET|TOKEN|CREDENTIAL/.test(name)) return 'the value is secret';
  return `given: ${JSON.stringify(withoutCredentials(value).slice(0, 200))}`;
}

/** The value of `NAME`, or the content of the file that `NAME_FILE` names. An empty value counts as unset. */
function lookUp(name: string, environment: Environment, mistakes: string[]): string | undefined {
  const value = environment[name] === '' ? undefined : environment[name];
  const file = environment[`${name}_FILE`];
  if (file === undefined || file === '') return value;
  if (value !== undefined) {
    mistakes.push(`${name}: both ${name} and ${name}_FILE are set; set one`);
    return undefined;
  }
  try {
    const content = readFileSync(file, 'utf8').replace(/\r?\n$/, '');
    return content === '' ? undefined : content;
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? 'unknown error';
    mistakes.push(
      `${name}: the file that ${name}_FILE names cannot be read (${reason}; given: ${JSON.stringify(file)})`,
    );
    return undefined;
  }
}

/** The keys of `shape` and of the result are names of environment variables. Throws `ConfigError`. */
export function defineConfig<Shape extends Record<string, z.ZodType>>(
  shape: Shape,
  environment: Environment = process.env,
): { readonly [Name in keyof Shape]: z.output<Shape[Name]> } {
  const mistakes: string[] = [];
  const values: Record<string, unknown> = {};
  for (const [name, schema] of Object.entries(shape)) {
    const before = mistakes.length;
    const given = lookUp(name, environment, mistakes);
    if (mistakes.length > before) continue;
    const parsed = schema.safeParse(given, { error: ruleText });
    if (parsed.success) values[name] = parsed.data;
    else if (given === undefined) mistakes.push(`${name}: must be set`);
    else
      mistakes.push(
        `${name}: ${parsed.error.issues.map((issue) => issue.message).join('; ')} (${shown(schema, name, given)})`,
      );
  }
  if (mistakes.length > 0) throw new ConfigError(mistakes);
  return values as { [Name in keyof Shape]: z.output<Shape[Name]> };
}
