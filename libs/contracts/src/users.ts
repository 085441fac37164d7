import { z } from 'zod';

/** A viewer looks, an editor changes the catalog, its stock and its orders, an admin may do everything. */
export const userRoles = ['admin', 'editor', 'viewer'] as const;
export type UserRole = (typeof userRoles)[number];

/** The cached part of a person who may sign in to the console. It holds nothing that helps to guess a password. */
export const userProfileSchema = z.strictObject({
  id: z.uuid(),
  username: z.string(),
  role: z.enum(userRoles),
  /** A session that began before this time has ended. */
  passwordChangedAt: z.iso.datetime(),
});
export type UserProfile = z.infer<typeof userProfileSchema>;
