import { isIP } from 'node:net';
import { isPublicAddress } from './address.ts';

/**
 * Who may be reached, `HOST:PORT`. `*` in HOST stands for any characters, as PORT for any port.
 *
 *   psp.example:443        this name, wherever it leads; also an address, `10.0.0.7:443`, `[fd00::7]:443`
 *   *.psp.example:443      any such name, as long as it leads to a public address
 *   10.0.*:443             any such address, also one that is not public; no name, wherever it leads
 */
export interface AllowPattern {
  readonly host: string;
  /** `any`: every port. */
  readonly port: number | 'any';
  readonly kind: 'exact' | 'names' | 'addresses';
}

export const ALLOW_FORM = 'HOST:PORT, for instance psp.example:443, *.psp.example:443 or 10.0.0.7:*';

/** Undefined: it is none. */
export function parseAllow(text: string): AllowPattern | undefined {
  const [, bracketed, plain = '', portText = ''] =
    /^(?:\[([0-9A-Fa-f:.]{2,45})\]|([\w.*-]{1,253})):(\*|[1-9]\d{0,4})$/.exec(text) ?? [];
  const port = portText === '*' ? 'any' : Number(portText);
  if (portText === '' || (port !== 'any' && port > 65_535)) return undefined;
  if (bracketed !== undefined) {
    return isIP(bracketed) === 6 ? { host: canonical(bracketed), port, kind: 'exact' } : undefined;
  }
  const host = canonical(plain);
  if (host === '') return undefined;
  if (!host.includes('*')) return { host, port, kind: 'exact' };
  return { host, port, kind: /^(?=.*\d)[\d.*]+$/.test(host) ? 'addresses' : 'names' };
}

export interface Target {
  /** As it was asked for. */
  readonly host: string;
  readonly port: number;
}

/**
 * The operator's choice. Without patterns every public address may be reached. With patterns, what matches one: public
 * addresses only, unless the pattern says this very host, or is one of addresses.
 */
export class AllowList {
  readonly #patterns: readonly AllowPattern[];

  constructor(patterns: readonly AllowPattern[]) {
    this.#patterns = patterns;
  }

  /** False: whatever the host leads to, it is not allowed, so it need not be looked up. */
  mayResolve({ host, port }: Target): boolean {
    if (this.#patterns.length === 0) return true;
    const name = canonical(host);
    return this.#forPort(port).some((pattern) => isMeant(pattern, name));
  }

  /** Whether the target may be reached at an address that it has. */
  allows({ host, port }: Target, address: string): boolean {
    const name = canonical(host);
    const isOther = isIP(name) !== 0 && name !== canonical(address);
    if (isOther || !this.mayResolve({ host, port })) return false;
    if (isPublicAddress(address)) return true;
    return this.#forPort(port).some((pattern) => pattern.kind !== 'names' && isMeant(pattern, name));
  }

  #forPort(port: number): AllowPattern[] {
    return this.#patterns.filter((pattern) => pattern.port === 'any' || pattern.port === port);
  }
}

/** A pattern of addresses means addresses only: `10.0.evil.example` is a name that looks like one. */
function isMeant({ host, kind }: AllowPattern, name: string): boolean {
  return (kind !== 'addresses' || isIP(name) !== 0) && matches(host, name);
}

/** One way to write a host: lower case, no dot at the end, IPv6 as short as can be, a mapped IPv4 address as IPv4. */
function canonical(host: string): string {
  if (isIP(host) !== 6 || host.includes('%')) return host.toLowerCase().replace(/\.$/, '');
  const short = new URL(`http://[${host}]/`).hostname.slice(1, -1);
  const [, high, low] = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(short) ?? [];
  if (high === undefined || low === undefined) return short;
  const number = (Number.parseInt(high, 16) << 16) | Number.parseInt(low, 16);
  return [24, 16, 8, 0].map((shift) => (number >>> shift) & 0xff).join('.');
}

/** `*` is any characters. Linear: greedy pieces, no backtracking beyond the next one. */
function matches(pattern: string, text: string): boolean {
  const [first = '', ...rest] = pattern.split('*');
  const last = rest.pop();
  if (last === undefined) return text === first;
  if (!text.startsWith(first) || text.length < first.length + last.length) return false;
  let at = first.length;
  for (const piece of rest) {
    const found = text.indexOf(piece, at);
    if (found < 0) return false;
    at = found + piece.length;
  }
  return text.endsWith(last) && at <= text.length - last.length;
}
