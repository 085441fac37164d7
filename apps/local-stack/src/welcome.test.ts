import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { exampleSku, productSchema } from '@catalog/contracts';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { portsFrom } from './machine/ports.ts';
import { repositoryRoot } from './machine/stack-folder.ts';
import { services } from './service-table.ts';
import { welcomeText } from './welcome.ts';

test('the README shows what npm start prints', async () => {
  const { examples } = z.toJSONSchema(productSchema);
  const product = productSchema.parse(examples?.[0]);
  const text = welcomeText({
    ports: portsFrom(4000),
    prefix: '',
    services: services.map(({ name }) => name),
    stores: [{ name: 'postgres', where: '127.0.0.1:4010' }],
    logFolder: '.stack/4000/logs',
    signIn: { username: 'admin', password: '…' },
    product: {
      ...product,
      sku: exampleSku,
      name: 'Juno 4" and 6" LED smart wafer downlight',
      priceMinor: 3099,
    },
  });
  const readme = await readFile(join(repositoryRoot, 'README.md'), 'utf8');
  const [, shown = ''] = /```\n( {2}invalidation-worker [^]*?)```/.exec(readme) ?? [];
  const lines = shown.split('\n').filter((line) => !['', '…'].includes(line.trim()));
  expect(lines.length).toBeGreaterThan(10);
  for (const line of lines) expect(text.split('\n')).toContain(line);
});
