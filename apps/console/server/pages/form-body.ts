import { requireContentType } from '@catalog/service-kit';
import express, { type RequestHandler } from 'express';

/** A form of ours: few short fields. */
export function formBody(): RequestHandler {
  const isForm: RequestHandler = (req, _res, next) => {
    requireContentType(req, ['application/x-www-form-urlencoded']);
    next();
  };
  return express
    .Router()
    .use(
      isForm,
      express.urlencoded({ extended: false, limit: 8 * 1024, parameterLimit: 20, inflate: false }),
    );
}
