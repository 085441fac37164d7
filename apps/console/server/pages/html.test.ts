import { expect, test } from 'vitest';
import { Html, html } from './html.ts';

test('a template escapes text, and does not escape nested templates twice', () => {
  const evil = `"><script>alert('1 & 2')</script>`;
  const escaped = '&quot;&gt;&lt;script&gt;alert(&#39;1 &amp; 2&#39;)&lt;/script&gt;';
  expect(html`<a title="${evil}">${evil}</a>`.text).toBe(`<a title="${escaped}">${escaped}</a>`);
  const parts = [html`<b>${evil}</b>`, html`<b>${2}</b>`];
  expect(html`<p>${parts}</p>`.text).toBe(`<p><b>${escaped}</b><b>2</b></p>`);
  expect(html`${undefined}${new Html('<br>')}`.text).toBe('<br>');
});
