import { queryOptions, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { Scroll } from '../../elements/scroll.tsx';
import { Empty, Failed } from '../../elements/states.tsx';
import { amount, count, Money, moneyText } from '../../elements/values.tsx';
import { getJson } from '../../http/api.ts';
import { monthName, salesOf, type Report } from './sales-months.ts';

export const salesQuery = queryOptions({
  queryKey: ['sales'],
  queryFn: ({ signal }) => getJson<Report>('/api/reports/sales', signal),
  refetchInterval: 15_000,
});

/** Revenue of each month, as a chart and as a table. A currency at a time: their sums do not mix. */
export function Sales() {
  const report = useQuery(salesQuery);
  const currencies = [...new Set(report.data?.data.map(({ currency }) => currency))].sort();
  const [chosen, setChosen] = useState<string>();
  const currency = chosen ?? currencies[0];
  return (
    <section className="panel" aria-labelledby="sales">
      <header>
        <h2 id="sales">Sales</h2>
        <span className="fine">of completed orders, by month (UTC)</span>
        {currencies.length > 1 && (
          <div className="actions" role="group" aria-label="Currency">
            {currencies.map((one) => (
              <button
                key={one}
                type="button"
                className="quiet"
                aria-pressed={one === currency}
                onClick={() => setChosen(one)}
              >
                {one}
              </button>
            ))}
          </div>
        )}
      </header>
      {report.data === undefined ? (
        <Failed error={report.error} again={() => void report.refetch()} />
      ) : currency === undefined ? (
        <Empty title="No order was completed in the last twelve months.">
          <p>A completed order counts in the month of its completion.</p>
        </Empty>
      ) : (
        <Months report={report.data} currency={currency} />
      )}
    </section>
  );
}

/** Of the 80 units of the chart. */
const least = 1;

function Months({ report, currency }: { report: Report; currency: string }) {
  const months = salesOf(report, currency, new Date());
  const top = Math.max(1, ...months.map(({ revenueMinor }) => revenueMinor));
  return (
    <div className="sales">
      <div className="sales-chart">
        <span className="fine">{moneyText(top, currency)}</span>
        <svg
          className="bars"
          viewBox="0 0 240 80"
          preserveAspectRatio="none"
          role="img"
          aria-label={`Revenue of the last twelve months, at most ${moneyText(top, currency)}`}
        >
          {months.map(({ month, revenueMinor, orders }, index) => {
            // A small sum is still seen, and the whole column answers the mouse, also that of an empty month.
            const height = revenueMinor > 0 ? Math.max(least, (revenueMinor / top) * 80) : 0;
            return (
              <g key={month}>
                <title>{`${monthName(month)}: ${orders > 0 ? `${moneyText(revenueMinor, currency)}, ${amount(orders, 'order', 'orders')}` : 'no sales'}`}</title>
                <rect className="column" x={index * 20} width="20" height="80" />
                <rect x={index * 20 + 2} width="16" y={80 - height} height={height} />
              </g>
            );
          })}
        </svg>
        <ol aria-hidden="true">
          {months.map(({ month }) => (
            <li key={month}>{monthName(month).slice(0, 3)}</li>
          ))}
        </ol>
      </div>
      <Scroll label="Revenue of each month">
        <table>
          <thead>
            <tr>
              <th>Month</th>
              <th className="number">Orders</th>
              <th className="number">Revenue</th>
            </tr>
          </thead>
          <tbody>
            {months
              .slice(months.findIndex(({ orders }) => orders > 0))
              .toReversed()
              .map(({ month, orders, revenueMinor }) => (
                <tr key={month} className={orders > 0 ? undefined : 'faint'}>
                  <th scope="row">{monthName(month)}</th>
                  <td className="number">{count(orders)}</td>
                  <td className="number">
                    <Money minor={revenueMinor} currency={currency} />
                  </td>
                </tr>
              ))}
          </tbody>
        </table>
      </Scroll>
    </div>
  );
}
