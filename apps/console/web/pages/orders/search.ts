/** The filters of the list of orders. They are in the address. */
export interface OrdersSearch {
  readonly status?: string;
  readonly customerId?: string;
}

export const statuses = ['placed', 'completed', 'cancelled'] as const;

export function ordersAddress(search: OrdersSearch, cursor = ''): string {
  const query = new URLSearchParams({ ...ordersSearch({ ...search }), limit: '50' });
  if (cursor !== '') query.set('cursor', cursor);
  return `/api/orders?${query}`;
}

export function ordersSearch(given: Record<string, unknown>): OrdersSearch {
  const { status, customerId } = given;
  return {
    ...((statuses as readonly unknown[]).includes(status) && { status: String(status) }),
    ...((typeof customerId === 'string' || typeof customerId === 'number') &&
      /^[\x21-\x7e]{1,100}$/.test(String(customerId)) && { customerId: String(customerId) }),
  };
}
