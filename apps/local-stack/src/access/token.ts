/** `npm run token`: tokens to try the services by hand, signed with the key of the local stack. */
import { importJWK, SignJWT } from 'jose';
import { StackProblem } from '../problem.ts';
import { services } from '../service-table.ts';
import type { Secrets } from './secrets.ts';

const issuer = 'catalog-auth';
/** The longest lifetime that the services accept. */
const lifetime_s = 300;

/** The service that asks for each scope, used when `--aud` is not given. */
const audiences: Readonly<Record<string, string>> = Object.fromEntries(
  services.flatMap(({ name, asksFor }) => asksFor.map((scope) => [scope, name])),
);

export interface TokenRequest {
  /** One or more, separated by spaces. */
  readonly scope: string;
  readonly audience?: string;
  /** The caller's name in the logs of the services. */
  readonly subject?: string;
}

export async function signToken(
  { tokenKey }: Secrets,
  request: TokenRequest,
  now_ms: number,
): Promise<string> {
  const scopes = request.scope.split(/\s+/).filter(Boolean);
  const unknown = scopes.filter((scope) => audiences[scope] === undefined);
  if (scopes.length === 0 || unknown.length > 0) {
    throw new StackProblem(
      scopes.length === 0 ? 'No scope was given.' : `There is no scope "${unknown.join(' ')}".`,
      `Name one or more: npm run --silent token -- --scope catalog:write (known: ${Object.keys(audiences).join(', ')})`,
    );
  }
  const audience = request.audience ?? audiences[scopes[0] ?? ''] ?? '';
  const issued_s = Math.floor(now_ms / 1000);
  return new SignJWT({ scope: scopes.join(' ') })
    .setProtectedHeader({ alg: tokenKey.alg, kid: tokenKey.kid, typ: 'JWT' })
    .setIssuer(issuer)
    .setSubject(request.subject ?? 'developer')
    .setAudience(audience)
    .setIssuedAt(issued_s)
    .setExpirationTime(issued_s + lifetime_s)
    .sign(await importJWK(tokenKey));
}
