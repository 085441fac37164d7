import { expect, test } from 'vitest';
import { createLogger } from './logger.ts';

function written(write: (log: ReturnType<typeof createLogger>) => void): string {
  const lines: string[] = [];
  write(createLogger({ service: 'test', destination: { write: (line) => void lines.push(line) } }));
  return lines.join('');
}

test.each(['authorization', 'cookie', 'password', 'secret', 'token', 'connectionString'])(
  'what is called %s is hidden, in a record and two levels inside it',
  (name) => {
    const text = written((log) =>
      log.info({ [name]: 'canary', request: { [name]: 'canary', headers: { [name]: 'canary' } } }, 'asked'),
    );
    expect(text).not.toContain('canary');
    expect(text.split('***')).toHaveLength(4);
  },
);

test.each(['err', 'error'])(
  'a URL in an %s, in its cause and in its stack is shown without its password',
  (name) => {
    const cause = new Error('no answer from redis://worker:canary@cache:6379');
    const error = new Error('cannot reach postgres://catalog:canary@db:5432/catalog', { cause });
    const text = written((log) => log.error({ [name]: error }, 'failed'));
    expect(text).not.toContain('canary');
    expect(text).toContain('postgres://catalog:***@db:5432/catalog');
    expect(text).toContain('redis://worker:***@cache:6379');
  },
);
