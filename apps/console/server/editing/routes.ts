import { productIdSchema } from '@catalog/contracts';
import { parse } from '@catalog/service-kit';
import type { Express } from 'express';
import { z } from 'zod';
import type { Accounts } from '../accounts/accounts.ts';
import { requireRole, signedIn } from '../sessions/access.ts';
import type { Editing } from './editing.ts';

const params = z.object({ id: productIdSchema });

export function editingRoutes(
  app: Express,
  { accounts, editing }: { accounts: Pick<Accounts, 'find'>; editing: Editing },
): void {
  const path = '/api/products/:id/editing';
  const editor = requireRole('editor', { accounts });

  app.post(path, editor, async (req, res) => {
    const { id } = parse(params, req.params, 'params');
    res.json({ by: await editing.begin(id, signedIn(res).username) });
  });

  app.delete(path, editor, async (req, res) => {
    const { id } = parse(params, req.params, 'params');
    await editing.end(id, signedIn(res).username);
    res.status(204).end();
  });
}
