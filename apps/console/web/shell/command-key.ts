const isApple = /Mac|iPhone|iPad/.test(navigator.userAgent);

/** A key with the modifier of this computer: ⌘K, or Ctrl K. */
export const withCommand = (key: string): string => (isApple ? `⌘${key}` : `Ctrl ${key}`);
