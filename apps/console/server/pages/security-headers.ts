import type { RequestHandler } from 'express';

/**
 * Allows only our own files, no frames, and no inline script or style (ASVS 3.4). The one exception, by its hash, is a
 * style that the dialogs of the queue dashboard insert to hide a scroll bar.
 */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'sha256-r2N1TB/gHbBtBZFKg7ejmq1acVSREzucTAEw6ga4hoU='",
  "img-src 'self' data:",
  "font-src 'self'",
  "connect-src 'self'",
  "form-action 'self'",
  "base-uri 'self'",
  "frame-ancestors 'none'",
].join('; ');

/** Sets the headers on every answer, also on errors. The service kit adds `nosniff`. */
export function securityHeaders(options: { secure: boolean }): RequestHandler {
  return (_req, res, next) => {
    res.set({
      'Content-Security-Policy': policy,
      'X-Frame-Options': 'DENY',
      'Referrer-Policy': 'same-origin',
      'Cross-Origin-Opener-Policy': 'same-origin',
      'Cross-Origin-Resource-Policy': 'same-origin',
      'Permissions-Policy': 'camera=(), geolocation=(), microphone=()',
      'Cache-Control': 'no-store',
      ...(options.secure && { 'Strict-Transport-Security': 'max-age=31536000' }),
    });
    next();
  };
}
