/*
 * For the pages of bull-board: its buttons with nothing but an icon get a name for people who do not see it, and for the mouse. The
 * board has no option for that. Its own script draws the pages anew again and again, so each change is followed.
 */
const names = {
  'corner-up-left': 'Promote',
  'ellipsis-vertical': 'More actions',
  'refresh-cw': 'Retry',
  'trash-2': 'Remove',
  copy: 'Copy',
  maximize: 'Full screen',
  settings: 'Settings of this dashboard',
};

/** @param {Element} button */
function nameOf(button) {
  const icon = button.querySelector('svg');
  const found = Object.entries(names).find(([name]) => icon?.classList.contains(`lucide-${name}`));
  if (found !== undefined) return found[1];
  // The only icon that is not of the set.
  return icon !== null && !icon.classList.contains('lucide') ? 'State of Redis' : undefined;
}

function nameAll() {
  for (const button of document.querySelectorAll('button')) {
    if (button.hasAttribute('aria-label') || button.innerText.trim() !== '') continue;
    const name = nameOf(button);
    if (name === undefined) continue;
    button.setAttribute('aria-label', name);
    button.setAttribute('title', name);
  }
  // These repeat what the text beside them says.
  for (const picture of document.querySelectorAll('header svg[role=img]'))
    picture.setAttribute('role', 'none');
  for (const logo of document.querySelectorAll('header img[alt]:not([alt=""])')) logo.setAttribute('alt', '');
}

new MutationObserver(nameAll).observe(document, { childList: true, subtree: true });
