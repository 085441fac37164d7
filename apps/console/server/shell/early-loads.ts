/**
 * Tells the browser what a page needs while it still loads the app: the files of the page, and what the page asks first.
 * Otherwise it would learn of the files when the app runs, and of the questions when the files run.
 */
import { html, type Html } from '../pages/html.ts';

/** As Vite writes it: the built files by their sources. */
export type Manifest = Readonly<
  Record<string, { readonly file: string; readonly imports?: readonly string[] }>
>;

/** The page that loads the app, as Vite names it. */
const app = 'index.html';

/** The built files of a source and of all that it imports, except those that the app has anyway. */
export function filesOf(manifest: Manifest, source: string): readonly string[] {
  const found = new Set<string>();
  const follow = (name: string): void => {
    if (found.has(name)) return;
    found.add(name);
    for (const imported of manifest[name]?.imports ?? []) follow(imported);
  };
  follow(app);
  const ofApp = new Set(found);
  follow(source);
  return [...found].flatMap((name) => (ofApp.has(name) ? [] : (manifest[name]?.file ?? [])));
}

/**
 * The elements for the head of a page. A browser uses an early answer once, for a fetch of the same address without own headers.
 * `crossorigin` alone means what fetch does by itself: it sends cookies to the same origin.
 */
export const earlyLoads = (files: readonly string[], asked: readonly string[]): Html =>
  html`${asked.map((address) => html`<link rel="preload" as="fetch" crossorigin href="${address}" />`)}${files.map(
    (file) => html`<link rel="modulepreload" crossorigin href="/${file}" />`,
  )}`;
