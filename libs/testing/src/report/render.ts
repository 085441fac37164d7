/** Renders reports: markdown tables, and SVG plots with bars or lines. */

const width = 720;
const colours = ['#2563eb', '#dc2626', '#16a34a', '#9333ea', '#d97706', '#0891b2', '#4b5563', '#be185d'];
const text = (x: number, y: number, content: string, more = '') =>
  `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" ${more}>${escape(content)}</text>`;
const escape = (content: string) =>
  content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

function svg(height: number, title: string, body: readonly string[]): string {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">`,
    `<rect width="${width}" height="${height}" fill="white"/>`,
    text(16, 24, title, 'font-size="15" font-weight="bold"'),
    ...body,
    '</svg>',
    '',
  ].join('\n');
}

export function barChart(
  title: string,
  unit: string,
  bars: readonly { readonly label: string; readonly value: number }[],
): string {
  const left = 270;
  const longest = Math.max(...bars.map(({ value }) => value), 1e-9);
  const body = bars.flatMap(({ label, value }, index) => {
    const y = 44 + index * 28;
    const length = ((width - left - 130) * value) / longest;
    return [
      text(left - 8, y + 14, label, 'text-anchor="end"'),
      `<rect x="${left}" y="${y}" width="${length.toFixed(1)}" height="20" fill="${colours[index % colours.length]}"/>`,
      text(left + length + 6, y + 14, `${format(value)} ${unit}`),
    ];
  });
  return svg(60 + bars.length * 28, title, body);
}

export interface Line {
  readonly label: string;
  readonly points: readonly (readonly [x: number, y: number])[];
}

export function lineChart(
  title: string,
  axes: { readonly x: string; readonly y: string; readonly logX?: boolean },
  lines: readonly Line[],
): string {
  const area = { left: 70, top: 44, right: width - 20, bottom: 330 };
  const points = lines.flatMap((line) => line.points);
  const scale = (value: number) => (axes.logX === true ? Math.log10(Math.max(value, 1e-3)) : value);
  const xs = points.map(([x]) => scale(x));
  const low = Math.min(...xs, axes.logX === true ? Infinity : 0);
  const high = Math.max(...xs, low + 1e-9);
  const top = Math.max(...points.map(([, y]) => y), 1e-9);
  const px = (x: number) => area.left + ((scale(x) - low) / (high - low)) * (area.right - area.left);
  const py = (y: number) => area.bottom - (y / top) * (area.bottom - area.top);
  const body = [0, 0.25, 0.5, 0.75, 1].flatMap((part) => {
    const x = low + part * (high - low);
    const value = axes.logX === true ? 10 ** x : x;
    return [
      `<line x1="${area.left}" x2="${area.right}" y1="${py(part * top)}" y2="${py(part * top)}" stroke="#e5e7eb"/>`,
      text(area.left - 6, py(part * top) + 4, format(part * top), 'text-anchor="end"'),
      text(
        area.left + part * (area.right - area.left),
        area.bottom + 18,
        format(value),
        'text-anchor="middle"',
      ),
    ];
  });
  body.push(
    text((area.left + area.right) / 2, area.bottom + 38, axes.x, 'text-anchor="middle"'),
    text(16, area.top - 6, axes.y),
  );
  for (const [index, { label, points: own }] of lines.entries()) {
    const colour = colours[index % colours.length];
    const path = own.map(([x, y]) => `${px(x).toFixed(1)},${py(y).toFixed(1)}`).join(' ');
    body.push(
      `<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="1.5"/>`,
      `<rect x="${area.left + index * 210}" y="${area.bottom + 52}" width="12" height="12" fill="${colour}"/>`,
      text(area.left + 18 + index * 210, area.bottom + 62, label),
    );
  }
  return svg(410, title, body);
}

export function format(value: number): string {
  if (value >= 1_000) return Math.round(value).toLocaleString('en');
  if (value >= 100) return value.toFixed(0);
  return value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

export function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => (row[column] ?? '').length)),
  );
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)];
}
