/** Keeps the overview current. Everything works without it; a reload shows the same. */
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
  if (!response.ok) throw new Error(`the state was answered with ${response.status}`);
  const text = await response.text();
  const focused = region.contains(document.activeElement) ? document.activeElement?.id : '';
  // Escaped by the server, which is the only one to write it.
  region.innerHTML = text;
  if (focused) document.getElementById(focused)?.focus();
  region.classList.remove('old');
}

/** @param {HTMLElement} region */
async function keepCurrent(region) {
  // A tab that nobody sees asks for nothing, so that its session can end.
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

/** Whoever fills in a field means the choice beside it. */
for (const choice of document.querySelectorAll('.purge .choice')) {
  /** @type {HTMLInputElement | null} */
  const radio = choice.querySelector('input[type=radio]');
  for (const field of choice.querySelectorAll('input:not([type=radio]), select'))
    field.addEventListener('input', () => {
      if (radio !== null) radio.checked = true;
    });
}
