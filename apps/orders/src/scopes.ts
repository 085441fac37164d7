/** Who may write may also read. */
export const mayRead = ['orders:read', 'orders:write'] as const;
export const mayWrite = 'orders:write';
