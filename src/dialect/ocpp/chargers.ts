import { createHmac, randomBytes, scrypt, timingSafeEqual } from 'node:crypto';
import type { Registration } from './database/tables.ts';

/** A charge point that may connect. */
export interface Charger {
  readonly identity: string;
  /** Hash of its password; undefined: it has none. */
  readonly password?: string;
  /** What its certificate must say; undefined: it needs none. */
  readonly commonName?: string;
  readonly organization?: string;
  /** The only security profile that it may use. Default: whichever its password or certificate belongs to. */
  readonly profile?: 0 | 1 | 2 | 3;
  /** What its BootNotification is answered with; default: Accepted. */
  readonly registration?: Registration;
}

export type ReadChargers =
  | { readonly ok: true; readonly chargers: ReadonlyMap<string, Charger> }
  | { readonly ok: false; readonly why: string };

const MEMBERS = new Set(['identity', 'password', 'commonName', 'organization', 'profile', 'registration']);

/** Longest identity, characters. */
export const MAX_IDENTITY = 64;

/** Printable, 1 to 64 characters: it becomes part of names, log lines and tables. */
export function isIdentity(text: string): boolean {
  return text.length >= 1 && text.length <= MAX_IDENTITY && !CONTROL.test(text);
}

const CONTROL = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u;

/** Reads a file `{"chargers":[…]}`. `why` quotes no password. */
export function readChargers(text: string): ReadChargers {
  const bad = (why: string): ReadChargers => ({ ok: false, why });
  let file: unknown;
  try {
    file = JSON.parse(text);
  } catch {
    return bad('it is no JSON');
  }
  const list = (file as { readonly chargers?: unknown } | null)?.chargers;
  if (!Array.isArray(list)) return bad('a JSON object with an array "chargers" is wanted');
  const chargers = new Map<string, Charger>();
  for (const [index, entry] of list.entries()) {
    const fault = faultIn(entry);
    if (fault !== undefined) return bad(`chargers[${index}]: ${fault}`);
    const charger = entry as Charger;
    if (chargers.has(charger.identity)) return bad(`chargers[${index}]: ${charger.identity} is there twice`);
    chargers.set(charger.identity, charger);
  }
  return { ok: true, chargers };
}

function faultIn(entry: unknown): string | undefined {
  if (typeof entry !== 'object' || entry === null) return 'an object is wanted';
  const { identity, password, commonName, organization, profile, registration } = entry as Record<
    string,
    unknown
  >;
  const strange = Object.keys(entry).find((name) => !MEMBERS.has(name));
  if (strange !== undefined) return `there is no member ${JSON.stringify(strange.slice(0, 64))}`;
  if (typeof identity !== 'string' || !isIdentity(identity))
    return 'identity: 1 to 64 printable characters are wanted';
  if (password !== undefined && (typeof password !== 'string' || parseHash(password) === undefined))
    return 'a hash is wanted, as "posbridge charger add" writes it, and no password';
  for (const [name, value] of Object.entries({ commonName, organization }))
    if (value !== undefined && (typeof value !== 'string' || value === ''))
      return `${name}: a text is wanted`;
  if (profile !== undefined && ![0, 1, 2, 3].includes(profile as number))
    return 'profile: 0, 1, 2 or 3 is wanted';
  if (registration !== undefined && !['Accepted', 'Pending', 'Rejected'].includes(registration as string))
    return 'registration: Accepted, Pending or Rejected is wanted';
  if ((profile === 1 || profile === 2) && password === undefined)
    return `profile ${profile} needs a password`;
  if (profile === 3 && commonName === undefined) return 'profile 3 needs a commonName';
  return undefined;
}

/** Cost of a guess; the keys of charge points are random, so this protects those that people have made up. */
const LOG_N = 14;
const R = 8;
const P = 1;
const BYTES = 32;

interface Hash {
  readonly logN: number;
  readonly salt: Buffer;
  readonly key: Buffer;
}

/** `scrypt$14$<salt>$<key>`, base64url. */
export async function hashPassword(password: Buffer): Promise<string> {
  const salt = randomBytes(16);
  const key = await derive(canonical(password), { logN: LOG_N, salt });
  return `scrypt$${LOG_N}$${salt.toString('base64url')}$${key.toString('base64url')}`;
}

function parseHash(text: string): Hash | undefined {
  const [, logN, salt, key] = /^scrypt\$(\d{1,2})\$([\w-]{8,64})\$([\w-]{43})$/.exec(text) ?? [];
  if (logN === undefined || salt === undefined || key === undefined) return undefined;
  if (Number(logN) < 10 || Number(logN) > 18) return undefined;
  return { logN: Number(logN), salt: Buffer.from(salt, 'base64url'), key: Buffer.from(key, 'base64url') };
}

/**
 * The key itself, whichever way a charge point sends it: ChangeConfiguration sets it in hexadecimal digits, and some
 * send those digits, others the 16 to 20 bytes that they stand for.
 */
function canonical(password: Buffer): Buffer {
  const text = password.toString('latin1');
  return /^(?:[0-9a-f]{2}){16,20}$/i.test(text) ? Buffer.from(text, 'hex') : password;
}

function derive(password: Buffer, { logN, salt }: Pick<Hash, 'logN' | 'salt'>): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const cost = { N: 2 ** logN, r: R, p: P, maxmem: 256 * 2 ** logN * R };
    scrypt(password, salt, BYTES, cost, (fault, key) => (fault === null ? resolve(key) : reject(fault)));
  });
}

/**
 * Compares passwords. One that was right before is known again without the cost, so that thousands can come back at one
 * time.
 */
export class Passwords {
  /** Never leaves this process. */
  readonly #secret = randomBytes(32);
  /** By stored hash: a keyed digest of the password that fits. */
  readonly #known = new Map<string, Buffer>();

  /** Takes as long where there is no hash: the answer's time must not tell who is known. */
  async fits(password: Buffer, stored: string | undefined): Promise<boolean> {
    const given = canonical(password);
    const digest = createHmac('sha256', this.#secret).update(given).digest();
    const known = stored === undefined ? undefined : this.#known.get(stored);
    if (known !== undefined && timingSafeEqual(known, digest)) return true;
    const hash = (stored === undefined ? undefined : parseHash(stored)) ?? NOBODY;
    const fits = timingSafeEqual(await derive(given, hash), hash.key) && hash !== NOBODY;
    if (fits && stored !== undefined) this.#known.set(stored, digest);
    return fits;
  }
}

const NOBODY: Hash = { logN: LOG_N, salt: Buffer.alloc(16), key: Buffer.alloc(BYTES) };
