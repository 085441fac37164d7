/** By name of the check, of the service or of the attribute: these names are data. */
const maps = new Set(['failing', 'attributes']);

/** The names of all members of an answer that are not in camelCase, however deep. */
export function misspelledMembers(answer: unknown): readonly string[] {
  if (typeof answer !== 'object' || answer === null) return [];
  if (Array.isArray(answer)) return answer.flatMap(misspelledMembers);
  return Object.entries(answer).flatMap(([name, inner]) => [
    ...(/^[a-z][A-Za-z0-9]*$/.test(name) ? [] : [name]),
    ...(maps.has(name) ? [] : misspelledMembers(inner)),
  ]);
}
