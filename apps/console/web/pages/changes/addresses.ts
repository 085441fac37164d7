/** What the pages with live changes ask first. */
export const latestChangesAddress = '/api/changes/latest';
