import type { Response } from 'express';
import type { SignedIn } from '../sessions/access.ts';
import { html, type Html } from './html.ts';

export interface Page {
  readonly title: string;
  readonly main: Html;
  /** The user in the header. The sign-in page has none. */
  readonly signedIn?: SignedIn | undefined;
  /** The link in the header that leads to this page. */
  readonly current?: string;
}

const places = [
  { address: '/', name: 'Overview' },
  { address: '/queues/', name: 'Queues' },
] as const;

function header({ signedIn, current }: Page): Html {
  if (signedIn === undefined) return html``;
  const links = places.map(
    ({ address, name }) =>
      html`<a href="${address}" ${address === current ? html`aria-current="page"` : undefined}>${name}</a>`,
  );
  return html`<header class="bar">
    <a class="brand" href="/">${mark} Catalog</a>
    <nav aria-label="Console">${links}</nav>
    <form class="who" method="post" action="/sign-out">
      <span><span class="name">${signedIn.username}</span> <span class="role">${signedIn.role}</span></span>
      <button class="quiet">Sign out</button>
    </form>
  </header>`;
}

/** The logo shows two layers: the cache in front of the database. */
export const mark = html`<svg class="mark" viewBox="0 0 24 24" aria-hidden="true">
  <path d="M12 3 21 8 12 13 3 8Z" />
  <path d="M4.5 12.5 12 16.7l7.5-4.2M4.5 16.5 12 20.7l7.5-4.2" />
</svg>`;

export function sendPage(res: Response, status: number, page: Page): void {
  const text = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>${page.title} · Catalog console</title>
        <link rel="icon" type="image/svg+xml" href="/assets/mark.svg" />
        <link rel="stylesheet" href="/assets/console.css" />
        <script type="module" src="/assets/console.js"></script>
      </head>
      <body>
        ${
          page.signedIn === undefined ? undefined : html`<a class="skip" href="#main">Skip to the content</a>`
        }
        ${header(page)}
        <main id="main" tabindex="-1">${page.main}</main>
      </body>
    </html>`.text;
  res.status(status).set('Content-Type', 'text/html; charset=utf-8').send(text);
}
