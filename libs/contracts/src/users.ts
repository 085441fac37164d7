import { z } from 'zod';

export const userRoles = ['admin', 'viewer'] as const;
export type UserRole = (typeof userRoles)[number];

/** What is cached of a person who may sign in to the console. Nothing that a password could be guessed from. */
export const userProfileSchema = z.strictObject({
  id: z.uuid(),
  username: z.string(),
  role: z.enum(userRoles),
  /** A session of another password's time is over. */
  passwordChangedAt: z.iso.datetime(),
});
export type UserProfile = z.infer<typeof userProfileSchema>;
