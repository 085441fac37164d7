import { requireContentType } from '@catalog/service-kit';
import express, { type Request, type RequestHandler } from 'express';

/** True for a browser that opens a page, false for a script or program that asks for data. */
export function wantsPage(req: Request): boolean {
  return req.headers.accept?.includes('text/html') === true;
}

/** Parses the body of a console form. Our forms have few and short fields. */
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
