import { productsSearch, queryOf, type ProductsSearch } from './search.ts';

/** A name for filters and their order. */
export interface SavedView {
  readonly name: string;
  readonly search: ProductsSearch;
}

export const mostViews = 30;
export const longestName = 60;
const key = 'product-views';

/** The views that this browser remembers, by name. Skips those that it cannot read. */
export function savedViews(storage: Pick<Storage, 'getItem'>): readonly SavedView[] {
  try {
    const stored: unknown = JSON.parse(storage.getItem(key) ?? '[]');
    if (!Array.isArray(stored)) return [];
    return stored.flatMap((one: { name?: unknown; search?: unknown } | null) =>
      typeof one?.name === 'string' && typeof one.search === 'object'
        ? [{ name: one.name, search: productsSearch({ ...one.search }) }]
        : [],
    );
  } catch {
    return [];
  }
}

/** A view of the same name is replaced. Beyond `mostViews` the last by name is dropped. */
export function withView(views: readonly SavedView[], view: SavedView): readonly SavedView[] {
  return [...views.filter(({ name }) => name !== view.name), view]
    .toSorted((a, b) => a.name.localeCompare(b.name))
    .slice(0, mostViews);
}

export function keepViews(views: readonly SavedView[], storage: Pick<Storage, 'setItem'>): void {
  storage.setItem(key, JSON.stringify(views));
}

/** The view that has exactly this search. */
export const viewOf = (search: ProductsSearch, views: readonly SavedView[]): SavedView | undefined =>
  views.find((view) => String(queryOf(view.search)) === String(queryOf(search)));

export interface SavedViewsProps {
  readonly search: ProductsSearch;
  readonly show: (search: ProductsSearch) => void;
}

/** On the button of the menu: the name of the view that is shown. */
export const viewsText = (shown: SavedView | undefined): string => `${shown?.name ?? 'Views'} ▾`;
