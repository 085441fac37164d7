/** What a user name and a password may be. The table holds user names to the same pattern. */
export const usernamePattern = /^[a-z0-9][a-z0-9._@+-]{0,63}$/;

export const passwordRules = {
  /** NIST SP 800-63B and ASVS 6.2.1 ask for 8 at least, and recommend 15. */
  minLength: 12,
  /** Long phrases are welcome; an endless one would only keep the hash busy. */
  maxLength: 256,
} as const;

/** Trimmed and in lower case, as the table has it; undefined for what can be nobody's. */
export function toUsername(text: string): string | undefined {
  const username = text.trim().toLowerCase();
  return usernamePattern.test(username) ? username : undefined;
}
