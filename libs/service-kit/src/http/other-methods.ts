import { CatalogError } from '@catalog/contracts';
import type { RequestHandler } from 'express';

/** 405 with `Allow`. Register it behind the routes of a path. */
export function refuseOtherMethods(methods: readonly string[]): RequestHandler {
  const allow = methods.toSorted().join(', ');
  return (_req, res, next) => {
    res.setHeader('Allow', allow);
    next(new CatalogError('method_not_allowed', `This address takes ${allow}.`));
  };
}
