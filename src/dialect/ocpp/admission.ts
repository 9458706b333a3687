import { isIP } from 'node:net';
import type { Admission, Admit, Knock } from '../../base/knock.ts';
import type { Chargers } from './charger-file.ts';
import { type Charger, isIdentity, Passwords } from './chargers.ts';

export const SUBPROTOCOL = 'ocpp1.6';

const NOT_FOUND = { status: 404, why: 'no such charge point' };
const WEB_PAGE = {
  status: 403,
  why: 'what may be a web page (it sends Origin) may not connect without a password or a certificate',
};
const UNAUTHORIZED = {
  status: 401,
  why: 'the name or the password is wrong',
  headers: { 'WWW-Authenticate': 'Basic realm="OCPP"' },
};

/**
 * Who may connect: the charge point that the last part of the path names, with the subprotocol of OCPP 1.6 and what its
 * security profile wants.
 *
 * @param current who may at the moment; undefined: everybody on this machine.
 */
export function admission(current: (() => Promise<Chargers>) | undefined): Admit {
  const passwords = new Passwords();
  return async (knock) => {
    const identity = identityIn(knock.path);
    if (identity === undefined) {
      return { status: 404, why: 'the path must end in the identity of a charge point' };
    }
    if (!knock.subprotocols.includes(SUBPROTOCOL)) {
      return { status: 400, why: `the subprotocol here is ${SUBPROTOCOL}` };
    }
    const chargers = await current?.();
    if (knock.headers['origin'] !== undefined && !isProven(chargers?.get(identity))) return WEB_PAGE;
    const refusal =
      chargers === undefined ? strangerRefused(knock) : await refused(knock, identity, chargers, passwords);
    return refusal ?? { identity, subprotocol: SUBPROTOCOL };
  };
}

/**
 * Whether it has to show what no web page has: a browser lets no page choose headers or certificates of its WebSockets.
 */
function isProven(charger: Charger | undefined): boolean {
  return charger?.password !== undefined || charger?.commonName !== undefined;
}

/** The identity is one part of a path, percent-encoded. Undefined: it is none. */
export function identityIn(path: string): string | undefined {
  if (path === '' || path.includes('/')) return undefined;
  try {
    const identity = decodeURIComponent(path);
    return isIdentity(identity) ? identity : undefined;
  } catch {
    return undefined;
  }
}

function strangerRefused({ address }: Knock): Admission | undefined {
  if (address === undefined || isLoopback(address)) return undefined;
  return { status: 403, why: 'without --chargers only charge points on this machine may connect' };
}

function isLoopback(address: string): boolean {
  const plain = address.replace(/^::ffff:/i, '');
  return isIP(plain) === 4 ? plain.startsWith('127.') : plain === '::1';
}

async function refused(
  knock: Knock,
  identity: string,
  chargers: Chargers,
  passwords: Passwords,
): Promise<Admission | undefined> {
  const charger = chargers.get(identity);
  // Also for an identity that is not known: the time must tell nothing.
  const isRight = await passwords.fits(passwordFor(knock, identity) ?? Buffer.alloc(0), charger?.password);
  if (charger === undefined) return NOT_FOUND;
  if (charger.password !== undefined && !isRight) return UNAUTHORIZED;
  const { certificate } = knock;
  if (charger.commonName !== undefined && certificate?.commonName !== charger.commonName) {
    return { status: 403, why: 'the certificate is not that of this charge point' };
  }
  if (charger.organization !== undefined && certificate?.organization !== charger.organization) {
    return { status: 403, why: 'the certificate is of another organization' };
  }
  if (charger.profile !== undefined && charger.profile !== profileOf(knock, charger)) {
    return { status: 403, why: `this charge point must use security profile ${charger.profile}` };
  }
  return undefined;
}

/** The security profile that this connection has. */
function profileOf({ isEncrypted }: Knock, { password, commonName }: Charger): 0 | 1 | 2 | 3 {
  if (isEncrypted && commonName !== undefined) return 3;
  if (password === undefined) return 0;
  return isEncrypted ? 2 : 1;
}

/** What follows `identity:`; an identity may hold a colon, and a password any bytes. */
function passwordFor({ credentials }: Knock, identity: string): Buffer | undefined {
  if (credentials === undefined) return undefined;
  const whole = Buffer.concat([Buffer.from(`${credentials.name}:`), credentials.password]);
  const prefix = Buffer.from(`${identity}:`);
  return whole.subarray(0, prefix.length).equals(prefix) ? whole.subarray(prefix.length) : undefined;
}
