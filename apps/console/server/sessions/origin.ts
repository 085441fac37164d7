/** What follows from the origin of the console, which is the address that browsers show. */

/** Whether a host name in a URL means this machine, where plain HTTP never leaves the machine. */
export function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(hostname);
}

/** Name and attributes of the session cookie (ASVS 3.3). Beyond this machine it travels only over TLS. */
export function cookieFor(origin: string): { name: string; secure: boolean } {
  const secure = !isLoopback(new URL(origin).hostname);
  return { name: secure ? '__Host-console' : 'console', secure };
}

/** All origins of the console. On this machine it has three host names. */
export function ownOrigins(origin: string): ReadonlySet<string> {
  const { protocol, hostname, port } = new URL(origin);
  if (!isLoopback(hostname)) return new Set([origin]);
  const suffix = port === '' ? '' : `:${port}`;
  return new Set([
    origin,
    ...['127.0.0.1', 'localhost', '[::1]'].map((name) => `${protocol}//${name}${suffix}`),
  ]);
}
