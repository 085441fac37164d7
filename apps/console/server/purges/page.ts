import { entities, type PurgeResult } from '@catalog/contracts';
import { html, type Html } from '../pages/html.ts';

/** Only admins see it. The worker does the purge, as an invalidation, and logs it. */
export function purgeForm(): Html {
  const options = entities.map(({ name }) => html`<option>${name}</option>`);
  return html`<section aria-labelledby="purge">
    <h2 id="purge">Purge the cache</h2>
    <p>Takes entries out of the cache by invalidating them; the next reader loads them from Postgres.</p>
    <form method="post" action="/purges" class="purge">
      <fieldset>
        <legend>What</legend>
        <div class="choice">
          <input type="radio" name="what" value="key" id="what-key" required checked />
          <label for="what-key">One key</label>
          <input
            name="key"
            aria-label="Key"
            placeholder="product:01890000-0000-…"
            maxlength="512"
            spellcheck="false"
          />
        </div>
        <div class="choice">
          <input type="radio" name="what" value="entity" id="what-entity" />
          <label for="what-entity">One entity</label>
          <select name="entity" aria-label="Entity">
            ${options}
          </select>
        </div>
        <div class="choice">
          <input type="radio" name="what" value="all" id="what-all" />
          <label for="what-all">Everything</label>
          <label class="confirm"
            ><input type="checkbox" name="confirm" value="yes" /> I mean the whole cache</label
          >
        </div>
      </fieldset>
      <label>Why <input name="reason" required minlength="3" maxlength="300" autocomplete="off" /></label>
      <button class="danger">Purge</button>
    </form>
  </section>`;
}

export function purgedPage(what: string, { entries, invalidated }: PurgeResult): Html {
  return html`<section class="notice">
    <h1>The purge is done</h1>
    <p><code>${what}</code></p>
    <p>
      Found in the cache: ${entries}. Could have been served until now, and is loaded anew by its next reader:
      ${invalidated}.
    </p>
    <p><a class="button" href="/">To the overview</a></p>
  </section>`;
}
