import { html, type Html } from '../pages/html.ts';
import { mark } from '../pages/layout.ts';

export interface SignInForm {
  /** The page to open after sign-in. A path of this console. */
  readonly next: string;
  readonly username?: string;
  /** A page was open when its session ended. */
  readonly hasEnded?: boolean;
  /** Why the last attempt was refused. */
  readonly refused?: string;
}

export function signInPage({ next, hasEnded = false, username, refused }: SignInForm): Html {
  return html`<section class="sign-in">
    <h1>${mark} Catalog console</h1>
    ${hasEnded ? html`<p role="status">Your session has ended. Sign in to go on where you were.</p>` : undefined}
    ${refused === undefined ? undefined : html`<p class="refused" role="alert" id="refused">${refused}</p>`}
    <form method="post" action="/sign-in">
      <input type="hidden" name="next" value="${next}" />
      <label
        >User name
        <input
          name="username"
          autocomplete="username"
          autocapitalize="none"
          spellcheck="false"
          required
          maxlength="64"
          value="${username ?? ''}"
          ${username === undefined ? html`autofocus` : undefined}
          ${refused === undefined ? undefined : html`aria-describedby="refused"`}
      /></label>
      <label
        >Password
        <input
          name="password"
          type="password"
          autocomplete="current-password"
          required
          maxlength="256"
          ${username === undefined ? undefined : html`autofocus`}
      /></label>
      <button class="primary">Sign in</button>
    </form>
  </section>`;
}
