import { useNavigate } from '@tanstack/react-router';
import { say } from '../../elements/say.ts';
import { textOf } from '../../http/api.ts';
import { deleteProduct, type Product } from '../../products/product.ts';

/** A product that is created again has another id. So the delete waits, and "undo" stops it. */
const undo_ms = 10_000;

const waiting = new Map<Product, () => void>();

// A person who closes the page meant it.
addEventListener('pagehide', () => {
  for (const [product, stop] of waiting) {
    stop();
    deleteProduct(product, true).catch(() => undefined);
  }
});

export function DeleteButton({ product, isUnsaved }: { product: Product; isUnsaved: boolean }) {
  const { id, sku } = product;
  const navigate = useNavigate();
  const remove = (): void => {
    const timer = setTimeout(() => {
      waiting.delete(product);
      deleteProduct(product).then(
        () => say(`Deleted ${sku}`),
        (error: unknown) => say(`Not deleted: ${sku}`, { kind: 'bad', detail: textOf(error) }),
      );
    }, undo_ms);
    const stop = (): void => {
      clearTimeout(timer);
      waiting.delete(product);
    };
    waiting.set(product, stop);
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
    <button
      type="button"
      className="danger"
      disabled={isUnsaved}
      title={isUnsaved ? 'Save or discard your changes first' : undefined}
      onClick={remove}
    >
      Delete
    </button>
  );
}
