import type { Router } from 'express';

/** The part of Express' router that says which routes there are; pinned by the test beside. */
interface Layer {
  readonly route?: { _methods(includeAll?: boolean): string[] };
  readonly handle?: { readonly stack?: readonly Layer[] };
  match(path: string): false | { readonly path: string };
}

function collect(stack: readonly Layer[], path: string, methods: Set<string>): void {
  for (const layer of stack) {
    const nested = layer.handle?.stack;
    if (layer.route === undefined && nested === undefined) continue;
    const match = layer.match(path);
    if (match === false) continue;
    if (layer.route !== undefined) for (const method of layer.route._methods()) methods.add(method);
    else if (nested !== undefined) collect(nested, path.slice(match.path.length) || '/', methods);
  }
}

/** Which methods this path has a route for, for `Allow`; empty where there is no such path. */
export function allowedMethods(routers: readonly Router[], path: string): string[] {
  const methods = new Set<string>();
  try {
    for (const router of routers)
      collect((router as unknown as { stack: readonly Layer[] }).stack, path, methods);
  } catch (error) {
    // A path that cannot be decoded matches nothing.
    if (!(error instanceof URIError)) throw error;
  }
  return [...methods].sort();
}
