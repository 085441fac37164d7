/** The text that the person at the terminal reads when everything is up. */
import type { Product } from '@catalog/contracts';
import type { Listener } from '@catalog/contracts';
import { host, type Ports } from './machine/ports.ts';

export interface Welcome {
  readonly ports: Ports;
  /** What a person must type before npm commands to reach this stack; empty for the default ports. */
  readonly prefix: string;
  readonly services: readonly Listener[];
  readonly stores: readonly { readonly name: string; readonly where: string }[];
  readonly logFolder: string;
  /** The sign-in of the console's first admin, drawn on the first start. */
  readonly signIn: { readonly username: string; readonly password: string };
  /** The product of the example lines; undefined when the catalog is empty. */
  readonly product: Product | undefined;
}

export function welcomeText({
  ports,
  prefix,
  services,
  stores,
  logFolder,
  signIn,
  product,
}: Welcome): string {
  const url = (name: Listener) => `http://${host}:${ports[name]}`;
  const token = `${prefix}npm run --silent token -- --scope catalog:write`;
  const row = (name: string, text: string) => `  ${name.padEnd(20)} ${text}`;
  const lines = [
    '',
    ...services.map((name) =>
      row(name, `${url(name)}   (/readyz /metrics${name === 'console' ? '' : ' /docs'})`),
    ),
    ...stores.map(({ name, where }) => row(name, where)),
    row('logs', logFolder),
    '',
    `  The console:          ${url('console')}   sign in as ${signIn.username}, password ${signIn.password}`,
    `  A token (5 minutes):  ${token}`,
    '',
  ];
  if (product) lines.push(...tryIt(product, url('catalog-read'), url('catalog-write'), prefix));
  lines.push('  Ctrl-C stops everything and keeps the data.', '');
  return lines.join('\n');
}

/** Lines to paste one after the other. `-w '%header{…}'` would be shorter than `-D - … | sed`, but needs curl 7.84. */
function tryIt(product: Product, readUrl: string, writeUrl: string, prefix: string): string[] {
  const token = `${prefix}npm run --silent token -- --scope catalog:write`;
  const path = `/v1/products/${product.id}`;
  // Both reads of 1 go over one connection, so that one process of catalog-read answers both.
  const read = (header = '', times = 1) =>
    `curl -si ${header}${`${readUrl}${path} `.repeat(times)}| grep -iEo '^(http/|cache-status|catalog-version).*|"priceMinor":[0-9]+'`;
  const price = product.priceMinor + 100;
  return [
    `  Try it on "${product.name}" (${product.sku}).`,
    '',
    '  1  A miss, then a hit (see Cache-Status):',
    `     ${read('', 2)}`,
    `  2  An edit, price ${product.priceMinor} → ${price}:`,
    `     V=$(curl -sS -o /dev/null -D - -X PATCH ${writeUrl}${path} -H "Authorization: Bearer $(${token})" -H 'If-Match: *' -H 'Content-Type: application/merge-patch+json' -d '{"priceMinor":${price}}' | sed -n 's/^[Cc]atalog-[Vv]ersion: *\\([0-9]*\\).*/\\1/p'); echo "edited, now version $V"`,
    '  3  The new value. Other reads show it within milliseconds, a read with Min-Version at once:',
    `     ${read('-H "Min-Version: $V" ')}`,
    '  4  The same by hand in SQL, which knows nothing of caches. Then run 1 again:',
    `     ${prefix}npm run --silent sql -- "update catalog.products set price_minor = ${price + 100} where id = '${product.id}'"`,
    '',
  ];
}
