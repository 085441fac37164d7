import { z } from 'zod';

/** The table checks user names with the same pattern. */
export const usernamePattern = /^[a-z0-9][a-z0-9._@+-]{0,63}$/;

export const passwordRules = {
  /** NIST SP 800-63B and ASVS 6.2.1 demand at least 8 and recommend 15. */
  minLength: 12,
  /** Long pass phrases are welcome. A limit keeps an endless one from wasting hash time. */
  maxLength: 256,
} as const;

export const passwordSchema = z.string().min(passwordRules.minLength).max(passwordRules.maxLength);

/** Trimmed and in lower case, as the table stores it. undefined for an impossible user name. */
export function toUsername(text: string): string | undefined {
  const username = text.trim().toLowerCase();
  return usernamePattern.test(username) ? username : undefined;
}
