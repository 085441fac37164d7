/** What people write. */
import { z } from 'zod';

/** Text without control characters: NUL cannot be stored, the others only ever hide something. */
// oxlint-disable-next-line no-control-regex -- the rule is about these characters
const controlCharacter = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/;
export const text = (max: number) =>
  z
    .string()
    .max(max)
    .refine((value) => !controlCharacter.test(value), { error: 'must not contain control characters' })
    .refine((value) => value.isWellFormed(), { error: 'must be well-formed Unicode' });

export const requiredText = (max: number) =>
  text(max).refine((value) => value.trim().length > 0, { error: 'must not be blank' });
