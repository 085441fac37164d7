import { timings } from '@catalog/contracts';
import { html, type Html } from '../pages/html.ts';
import { queuesPath } from '../queues/routes.ts';
import { purgeForm } from '../purges/page.ts';
import type { SignedIn } from '../sessions/access.ts';
import {
  countedStates,
  type FeedState,
  type QueueState,
  type ServiceState,
  type SystemState,
} from './state.ts';

const whole = new Intl.NumberFormat('en');
const tones = { ready: 'good', 'not ready': 'warn', 'no answer': 'bad' } as const;

function verdict({ services, feed }: SystemState): { tone: string; text: string } {
  const away = services.filter(({ state }) => state !== 'ready');
  if (away.length > 0)
    return {
      tone: 'bad',
      text: `${away.map(({ name }) => name).join(', ')} ${away.length === 1 ? 'is' : 'are'} not ready`,
    };
  if (feed.watermarkAge_s !== undefined && feed.watermarkAge_s * 1_000 > timings.bound_ms)
    return { tone: 'warn', text: 'The cache is behind Postgres' };
  return { tone: 'good', text: 'All is well' };
}

function serviceRow({ name, state, failing, answeredIn_ms }: ServiceState): Html {
  return html`<tr>
    <th scope="row">${name}</th>
    <td>
      <span class="pill ${tones[state]}">${state}</span> <span class="detail">${failing.join('; ')}</span>
    </td>
    <td class="number">${state === 'no answer' ? '–' : `${whole.format(answeredIn_ms)} ms`}</td>
  </tr>`;
}

function queueRow({ name, counts }: QueueState): Html {
  const cells = countedStates.map(
    (state) =>
      html`<td class="number${state === 'failed' && (counts?.failed ?? 0) > 0 ? ' bad' : ''}">
        ${counts === undefined ? '–' : whole.format(counts[state])}
      </td>`,
  );
  return html`<tr>
    <th scope="row"><a id="queue-${name}" href="${queuesPath}/queue/${name}">${name}</a></th>
    ${cells}
  </tr>`;
}

function figure(name: string, value: string, note: string, tone = ''): Html {
  return html`<div class="figure">
    <dt>${name}</dt>
    <dd class="${tone}">${value}</dd>
    <dd class="note">${note}</dd>
  </div>`;
}

function seconds(value: number | undefined): string {
  if (value === undefined) return 'unknown';
  return value < 10 ? `${value.toFixed(2)} s` : `${whole.format(Math.round(value))} s`;
}

function feedFigures({ watermarkAge_s, unapplied, oldestUnapplied_s }: FeedState): Html {
  const bound_s = timings.bound_ms / 1_000;
  const late = watermarkAge_s !== undefined && watermarkAge_s > bound_s;
  return html`<dl class="figures">
    ${figure('Watermark age', seconds(watermarkAge_s), `bound ${bound_s} s`, late ? 'bad' : '')}
    ${figure(
      'Changes not yet applied',
      unapplied === undefined ? 'unknown' : whole.format(unapplied),
      unapplied === 0 ? 'the outbox is empty' : `the oldest is ${seconds(oldestUnapplied_s)} old`,
    )}
  </dl>`;
}

/** The part of the page that the browser refreshes every two seconds. */
export function statePart(state: SystemState): Html {
  const { tone, text } = verdict(state);
  const at = new Date(state.at_ms).toISOString();
  return html`<p class="verdict ${tone}" role="status"><span class="dot" aria-hidden="true"></span>${text}</p>
    <section aria-labelledby="services">
      <h2 id="services">Services</h2>
      <div class="scroll">
        <table>
          <thead>
            <tr>
              <th scope="col">Service</th>
              <th scope="col">State</th>
              <th scope="col" class="number">Answered in</th>
            </tr>
          </thead>
          <tbody>
            ${state.services.map(serviceRow)}
          </tbody>
        </table>
      </div>
    </section>
    <section aria-labelledby="feed">
      <h2 id="feed">Change feed</h2>
      ${feedFigures(state.feed)}
    </section>
    <section aria-labelledby="queues">
      <h2 id="queues">Queues</h2>
      <div class="scroll">
        <table>
          <thead>
            <tr>
              <th scope="col">Queue</th>
              ${countedStates.map((name) => html`<th scope="col" class="number">${name}</th>`)}
            </tr>
          </thead>
          <tbody>
            ${state.queues.map(queueRow)}
          </tbody>
        </table>
      </div>
    </section>
    <p class="fine">As of <time datetime="${at}">${at.slice(11, 19)} UTC</time></p>`;
}

export function overviewPage(state: SystemState, { role, confirmed }: SignedIn): Html {
  return html`<h1>Overview</h1>
    ${
      confirmed
        ? undefined
        : html`<p class="refused" role="alert">Postgres does not answer. You can look, but not act.</p>`
    }
    <div id="state" data-refresh="/state">${statePart(state)}</div>
    ${role === 'admin' ? purgeForm() : undefined}`;
}
