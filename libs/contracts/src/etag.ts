import type { Entity } from './entities.ts';

/** The tag of one version in one form of the payload, so that a deploy that changes the form changes the tag. */
export function etagOf(entity: Entity, version: number): string {
  return `"${version}-${entity.payloadSchema}"`;
}

/** The version that a tag names; null for a tag that we never gave, or gave for another form of the payload. */
export function versionOfEtag(entity: Entity, tag: string): number | null {
  const [, version, schema] = /^"(0|[1-9]\d{0,15})-(\d{1,9})"$/.exec(tag) ?? [];
  if (version === undefined || Number(schema) !== entity.payloadSchema) return null;
  return Number.isSafeInteger(Number(version)) ? Number(version) : null;
}
