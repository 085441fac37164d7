/**
 * `/docs`: Swagger UI, served by this service. It loads nothing from other hosts, and no inline script or style, so it works
 * offline and under a strict policy. Its addresses are relative, so that it works behind a proxy that adds a prefix.
 */
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import express, { type Router } from 'express';
import { sendKeptFile } from '../http/kept-files.ts';
import { refuseOtherMethods } from '../http/other-methods.ts';

const libraryFolder = dirname(fileURLToPath(import.meta.resolve('swagger-ui-dist/package.json')));
const ownFolder = join(import.meta.dirname, 'docs');

/** By the name under `/docs/`. Nothing else of the package is served. */
const files: Readonly<Record<string, string>> = {
  'swagger-ui.css': join(libraryFolder, 'swagger-ui.css'),
  'swagger-ui-bundle.js': join(libraryFolder, 'swagger-ui-bundle.js'),
  'page.css': join(ownFolder, 'page.css'),
  'start.js': join(ownFolder, 'start.js'),
};

/** The library sets single styles from its script, which no policy forbids; its icons are `data:` addresses. */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const escape = (text: string): string =>
  text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);

const pageOf = (title: string): string => `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${escape(title)}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="docs/swagger-ui.css">
<link rel="stylesheet" href="docs/page.css">
<div id="api"></div>
<noscript>This page needs scripts. The same is in <a href="openapi.json">openapi.json</a>.</noscript>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
</html>
`;

/** The page and its files. */
export function docsRoutes(title: string): Router {
  const router = express.Router({ strict: true });
  const page = pageOf(title);
  router.get('/docs', (_req, res) => {
    res.setHeader('Content-Type', 'text/html; charset=utf-8');
    res.setHeader('Content-Security-Policy', policy);
    res.end(page);
  });
  const paths = ['/docs', ...Object.keys(files).map((name) => `/docs/${name}`)];
  for (const [name, file] of Object.entries(files))
    // The browser asks again each time, and is told that nothing has changed.
    router.get(`/docs/${name}`, (req, res) => sendKeptFile(req, res, file, { cacheControl: 'no-cache' }));
  router.all(paths, refuseOtherMethods(['GET', 'HEAD']));
  return router;
}
