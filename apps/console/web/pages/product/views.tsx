import { useQuery } from '@tanstack/react-query';
import { count } from '../../elements/values.tsx';
import { getJson } from '../../http/api.ts';

/** How often the product was read. Its place is kept, so that nothing shifts when the number arrives. */
export function Views({ id }: { id: string }) {
  const { data, isError } = useQuery({
    queryKey: ['views', id],
    queryFn: ({ signal }) => getJson<{ views: number }>(`/api/products/${id}/views`, signal),
    refetchInterval: 10_000,
    retry: false,
  });
  if (isError && data === undefined) return null;
  return (
    <>
      {' '}
      ·{' '}
      <span className="views" title="Once for each caller and minute. The last ten seconds may be missing.">
        {data === undefined ? '…' : count(data.views)} {data?.views === 1 ? 'view' : 'views'}
      </span>
    </>
  );
}
