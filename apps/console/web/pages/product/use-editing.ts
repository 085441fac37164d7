import { useEffect, useState } from 'react';
import { callApi } from '../../http/api.ts';

const renew_ms = 5_000;

/** Says that this person edits the product, and answers who else does. It forbids nothing. */
export function useEditing(id: string, isEditing: boolean, me: string | undefined): string | undefined {
  const [by, setBy] = useState<string>();
  useEffect(() => {
    if (!isEditing) return undefined;
    const path = `/api/products/${id}/editing`;
    const renew = (): void => {
      callApi<{ by: string }>(path, { method: 'POST' }).then(
        ({ body }) => setBy(body.by),
        () => setBy(undefined),
      );
    };
    renew();
    const timer = setInterval(renew, renew_ms);
    return () => {
      clearInterval(timer);
      setBy(undefined);
      // With keepalive it is sent even while the page closes.
      void fetch(path, { method: 'DELETE', keepalive: true }).catch(() => undefined);
    };
  }, [id, isEditing]);
  return by === me ? undefined : by;
}
