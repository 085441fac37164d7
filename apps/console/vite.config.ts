import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

/** Builds `web/` into `dist/`, which the server sends. Every file is our own, because the policy allows no other host. */
export default defineConfig({
  root: 'web',
  base: '/',
  publicDir: false,
  plugins: [react()],
  build: {
    outDir: '../dist',
    emptyOutDir: true,
    assetsDir: 'assets',
    // Fonts and images as data: URLs would grow the first bundle.
    assetsInlineLimit: 0,
    target: 'es2022',
  },
});
