import type { UseInfiniteQueryResult } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { Failed } from './states.tsx';

interface MoreProps {
  readonly list: Pick<
    UseInfiniteQueryResult,
    'isError' | 'error' | 'hasNextPage' | 'isFetchingNextPage' | 'fetchNextPage'
  >;
  /** On the button. */
  readonly name: string;
  /** Beside the button. */
  readonly children?: ReactNode;
}

/** The end of a list of which a part is shown: why the next part did not come, and a button for it. */
export function More({ list, name, children }: MoreProps) {
  return (
    <>
      {list.isError && <Failed error={list.error} />}
      {list.hasNextPage && (
        <div className="row">
          <button type="button" disabled={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>
            {list.isFetchingNextPage ? 'Loading…' : name}
          </button>
          {children}
        </div>
      )}
    </>
  );
}
