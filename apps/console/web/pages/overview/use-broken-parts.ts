import { useQuery } from '@tanstack/react-query';
import { useIdle } from '../../elements/use-idle.ts';
import { clockText } from '../../elements/values.tsx';
import { meQuery } from '../../http/me.ts';
import { faultWords } from '../break-it/faults.ts';
import { partsQuery } from '../break-it/parts.ts';
import type { Cause } from './causes.ts';

/** In a local stack: what a person has broken to see what happens. Otherwise nobody would know why a part is away. */
export function useBrokenParts(): readonly Cause[] {
  const { data: me } = useQuery(meQuery);
  // Nobody needs it before the page is there.
  const isIdle = useIdle();
  const { data } = useQuery({ ...partsQuery, enabled: isIdle && me?.breaksStack === true });
  return (data?.data ?? []).flatMap(({ name, since }): Cause[] =>
    since === null
      ? []
      : [
          {
            cause: `broken ${name}`,
            tone: 'warn',
            text: `Broken on purpose since ${clockText(since).slice(0, 5)}: ${faultWords[name]?.title ?? name}. It is put back by itself.`,
            action: { kind: 'open', name: 'Break it', href: '/break-it' },
          },
        ],
  );
}
