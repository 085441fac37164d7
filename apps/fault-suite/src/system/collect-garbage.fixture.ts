/** A reader with `--expose-gc` imports this. Its metrics then show the memory in use, and not what waits for the collector. */
setInterval(() => globalThis.gc?.(), 500).unref();
