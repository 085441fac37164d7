import type { Response } from 'express';
import type { SignedIn } from '../sessions/access.ts';
import { html, type Html } from './html.ts';

export interface Page {
  readonly title: string;
  readonly main: Html;
  /** The user in the header. The sign-in page has none. */
  readonly signedIn?: SignedIn | undefined;
}

/** Errors have a way back. The app itself has its own navigation. */
const header = ({ signedIn }: Page): Html =>
  signedIn === undefined
    ? html``
    : html`<header class="bar"><a class="brand" href="/">${mark} Catalog</a></header>`;

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
        <script src="/assets/theme.js"></script>
        <link rel="stylesheet" href="/assets/page.css" />
      </head>
      <body>
        ${header(page)}
        <main id="main" tabindex="-1">${page.main}</main>
      </body>
    </html>`.text;
  res.status(status).set('Content-Type', 'text/html; charset=utf-8').send(text);
}
