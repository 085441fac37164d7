import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { brotliCompress } from 'node:zlib';
import react from '@vitejs/plugin-react';
import { defineConfig, type Plugin } from 'vite';

const outDir = join(import.meta.dirname, 'dist');
const compress = promisify(brotliCompress);

/** Compresses once what the server would otherwise compress for each browser. */
const compressed: Plugin = {
  name: 'compressed',
  async closeBundle() {
    const folder = join(outDir, 'assets');
    const names = (await readdir(folder)).filter((name) => /\.(?:js|css)$/.test(name));
    await Promise.all(
      names.map(async (name) => {
        const file = join(folder, name);
        await writeFile(`${file}.br`, await compress(await readFile(file)));
      }),
    );
  },
};

/** Builds `web/` into `dist/`, which the server sends. Every file is our own, because the policy allows no other host. */
export default defineConfig({
  root: 'web',
  base: '/',
  publicDir: false,
  plugins: [react(), compressed],
  build: {
    outDir,
    emptyOutDir: true,
    assetsDir: 'assets',
    // From it the server knows the files of each page.
    manifest: true,
    // Fonts and images as data: URLs would grow the first bundle.
    assetsInlineLimit: 0,
    target: 'es2022',
    rolldownOptions: {
      output: {
        // Each file costs a browser about a millisecond. So what every page needs is one, and the small parts that pages share are one.
        codeSplitting: {
          groups: [
            { name: 'app', tags: ['$initial'] },
            { name: 'parts', test: /web[\\/](?:elements|http|products)[\\/](?!ask-dialog|toasts)/ },
          ],
        },
      },
    },
  },
});
