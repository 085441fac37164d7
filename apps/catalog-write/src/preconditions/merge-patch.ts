/** RFC 7396; plain JSON is read the same way. */
export const mergePatchTypes = ['application/merge-patch+json', 'application/json'];
