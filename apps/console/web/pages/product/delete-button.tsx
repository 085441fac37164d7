import { useNavigate } from '@tanstack/react-router';
import { say } from '../../elements/toasts.tsx';
import { textOf } from '../../http/api.ts';
import { deleteProduct, type Product } from '../../products/product.ts';

/** A product that is created again has another id. So the delete waits, and "undo" stops it. */
const undo_ms = 10_000;

const waiting = new Map<string, () => void>();

// A person who closes the page meant it.
addEventListener('pagehide', () => {
  for (const [id, stop] of waiting) {
    stop();
    void fetch(`/api/products/${id}`, { method: 'DELETE', headers: { 'If-Match': '*' }, keepalive: true });
  }
});

export function DeleteButton({ product: { id, sku } }: { product: Product }) {
  const navigate = useNavigate();
  const remove = (): void => {
    const timer = setTimeout(() => {
      waiting.delete(id);
      deleteProduct(id).then(
        () => say(`Deleted ${sku}`),
        (error: unknown) => say(`Not deleted: ${sku}`, { kind: 'bad', detail: textOf(error) }),
      );
    }, undo_ms);
    const stop = (): void => {
      clearTimeout(timer);
      waiting.delete(id);
    };
    waiting.set(id, stop);
    say(`${sku} will be deleted in ${undo_ms / 1_000} seconds`, {
      action: {
        name: 'Undo',
        run() {
          stop();
          void navigate({ to: '/products/$id', params: { id } });
        },
      },
    });
    void navigate({ to: '/products' });
  };
  return (
    <button type="button" className="danger" onClick={remove}>
      Delete
    </button>
  );
}
