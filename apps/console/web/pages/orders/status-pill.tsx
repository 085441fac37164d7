const tones: Readonly<Record<string, string>> = { placed: 'accent', completed: 'good', cancelled: '' };

export function StatusPill({ status }: { status: string }) {
  return <span className={`pill ${tones[status] ?? ''}`}>{status}</span>;
}
