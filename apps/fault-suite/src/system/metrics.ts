/** Reads a metric of a service. `labels` are part of the sample's labels, in the order in which they are printed. */
export async function metric(url: string, name: string, labels = ''): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const sample = new RegExp(`^${name}(?:\\{[^}]*${labels}[^}]*\\})? (\\S+)$`, 'm');
  return Number(sample.exec(text)?.[1] ?? (labels === '' ? Number.NaN : 0));
}
