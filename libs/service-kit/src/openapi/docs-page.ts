import { createHash } from 'node:crypto';
import type { OpenApiDocument } from './document.ts';

const style =
  'body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}code,pre{font:13px/1.4 ui-monospace,monospace}pre{overflow:auto;background:#f4f4f4;padding:.75rem}summary{cursor:pointer}h2{margin-top:2rem}@media(prefers-color-scheme:dark){body{background:#111;color:#eee}pre{background:#222}}';

function escape(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** One page without scripts and without anything from elsewhere, so that it works offline. */
export function docsPage(document: OpenApiDocument): { html: string; contentSecurityPolicy: string } {
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => {
      const summary = typeof operation['summary'] === 'string' ? operation['summary'] : '';
      return `<details><summary><code>${method.toUpperCase()} ${escape(path)}</code> ${escape(summary)}</summary><pre>${escape(JSON.stringify(operation, null, 2))}</pre></details>`;
    }),
  );
  const title = escape(`${document.info.title} ${document.info.version}`);
  return {
    html: `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${title}</title><style>${style}</style><h1>${title}</h1><p>${escape(document.info.description ?? '')} The same as <a href="/openapi.json">OpenAPI 3.1</a>.</p>${operations.join('\n')}</html>`,
    contentSecurityPolicy: `default-src 'none'; style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'`,
  };
}
