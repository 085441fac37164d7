import { useQuery } from '@tanstack/react-query';
import { ChangedMeanwhile } from '../../elements/changed-meanwhile.tsx';
import { changedFields, fieldNames, valueText, type FieldName } from '../../products/fields.ts';
import { loadHistory, personOf, type TaggedProduct, type Product } from '../../products/product.ts';

interface TheirChangeProps {
  readonly base: Product;
  readonly theirs: TaggedProduct | 'deleted';
  readonly edited: readonly FieldName[];
  readonly take: () => void;
  readonly keep: () => void;
}

/** Somebody else has saved while this person types. Nothing is overwritten before the person decides. */
export function TheirChange({ base, theirs, edited, take, keep }: TheirChangeProps) {
  const version = theirs === 'deleted' ? 'deleted' : theirs.product.version;
  const { data } = useQuery({
    queryKey: ['history', base.id, version],
    queryFn: ({ signal }) => loadHistory(base.id, signal),
  });
  const by = data?.data[0]?.changedBy;
  const who = by === undefined ? 'Somebody' : personOf(by).replace(/^s/, 'S');
  if (theirs === 'deleted')
    return (
      <p className="banner bad" role="alert">
        {who} has deleted this product. What you typed is still here, but cannot be saved.
      </p>
    );
  const { product } = theirs;
  const fields = changedFields(base, product);
  const both = fields.filter((field) => edited.includes(field));
  const changes = fields
    .map(
      (field) =>
        `${fieldNames[field].toLowerCase()} to ${valueText(field, product[field], product.currency)}`,
    )
    .join(', ');
  return (
    <ChangedMeanwhile both={both.map((field) => fieldNames[field].toLowerCase())} take={take} keep={keep}>
      {who} changed {changes}.
    </ChangedMeanwhile>
  );
}
