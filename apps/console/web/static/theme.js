/*
 * For the pages that the app does not make: they look as this browser has chosen in the app. It runs before the page is shown.
 */
const theme = localStorage.getItem('theme');
if (theme === 'light' || theme === 'dark') {
  document.documentElement.dataset.theme = theme;
  // Where bull-board keeps its own choice, and in which form.
  const stored = /** @type {{ state: object, version: number }} */ (
    JSON.parse(localStorage.getItem('board-settings') ?? '{"state":{},"version":2}')
  );
  localStorage.setItem('board-settings', JSON.stringify({ ...stored, state: { ...stored.state, theme } }));
}
