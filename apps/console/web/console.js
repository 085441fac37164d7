/** Keeps the overview current. Without it, a reload shows the same. */
const interval_ms = 2_000;
/** @type {HTMLElement | null} */
const region = document.querySelector('#state[data-refresh]');

/** @param {HTMLElement} region */
async function refresh(region) {
  const response = await fetch(region.dataset['refresh'] ?? '', { headers: { Accept: 'application/json' } });
  if (response.status === 401) {
    location.assign(`/sign-in?next=${encodeURIComponent(location.pathname)}`);
    return;
  }
  if (!response.ok) throw new Error(`the request for the state failed with ${response.status}`);
  const text = await response.text();
  const focused = region.contains(document.activeElement) ? document.activeElement?.id : '';
  // Safe: only the server writes this HTML, and it escapes all text.
  region.innerHTML = text;
  if (focused) document.getElementById(focused)?.focus();
  region.classList.remove('old');
}

/** @param {HTMLElement} region */
async function keepCurrent(region) {
  // A hidden tab sends no requests, so that its session can become idle and end.
  if (!document.hidden) {
    try {
      await refresh(region);
    } catch {
      region.classList.add('old');
    }
  }
  setTimeout(() => void keepCurrent(region), interval_ms);
}

if (region !== null) setTimeout(() => void keepCurrent(region), interval_ms);

/** Filling in a field selects the choice to which it belongs. */
for (const choice of document.querySelectorAll('.purge .choice')) {
  /** @type {HTMLInputElement | null} */
  const radio = choice.querySelector('input[type=radio]');
  for (const field of choice.querySelectorAll('input:not([type=radio]), select'))
    field.addEventListener('input', () => {
      if (radio !== null) radio.checked = true;
    });
}
