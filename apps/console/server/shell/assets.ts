/** The files that every browser may load, because they hold no data: those of the sign-in page, and the built app. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { sendKeptFile } from '@catalog/service-kit';
import type { RequestHandler } from 'express';

const root = join(import.meta.dirname, '../..');
export const builtApp = join(root, 'dist');

export function assets(dist = builtApp): RequestHandler {
  const ofSignIn = join(root, 'web/static');
  const built = join(dist, 'assets');
  return (req, res, next) => {
    const name = /^\/(\w[\w.-]*)$/.exec(req.path)?.[1];
    const folder = [ofSignIn, built].find((one) => name !== undefined && existsSync(join(one, name)));
    if (name === undefined || folder === undefined || !['GET', 'HEAD'].includes(req.method)) {
      next();
      return;
    }
    const file = join(folder, name);
    if (folder === ofSignIn) sendKeptFile(req, res, file, { cacheControl: 'no-cache' });
    // The names of built files contain a hash of their content, so browsers keep them.
    else
      sendKeptFile(req, res, file, {
        cacheControl: 'public, max-age=31536000, immutable',
        compressed: `${file}.br`,
      });
  };
}
