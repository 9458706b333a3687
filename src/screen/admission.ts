import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { networkInterfaces } from 'node:os';
import type { Refusal } from '../wire/admission.ts';
import { ANY_ADDRESS, bracketed, isOwnName, isOwnOrigin, type PageAddress } from '../wire/own-page.ts';

/** Where the screen is served. */
export interface ScreenAddress extends PageAddress {
  /** Needed in the URL of the page and of its WebSocket; absent where only this machine can connect. */
  readonly token: string | undefined;
}

const TOKEN_BYTES = 18;

export function createToken(): string {
  return randomBytes(TOKEN_BYTES).toString('base64url');
}

/** What a person opens: `http://127.0.0.1:8080/`. Listening everywhere, it names an address that others can reach. */
export function urlOf({ host, port, token }: ScreenAddress): string {
  const name = ANY_ADDRESS.includes(host) ? outsideAddress() : host;
  return `http://${bracketed(name)}:${port}/${token === undefined ? '' : `?token=${token}`}`;
}

function outsideAddress(): string {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  return all.find(({ internal, family }) => !internal && family === 'IPv4')?.address ?? '127.0.0.1';
}

export function refusalOfHost(request: IncomingMessage, address: ScreenAddress): Refusal | undefined {
  return isOwnName(request, address)
    ? undefined
    : { status: 403, why: 'The screen is not served under this name.' };
}

export function refusalOfToken(query: string | undefined, { token }: ScreenAddress): Refusal | undefined {
  if (token === undefined) return undefined;
  const given = new URLSearchParams(query).get('token') ?? '';
  if (timingSafeEqual(sha256(given), sha256(token))) return undefined;
  return { status: 403, why: 'Open the whole address that the terminal has printed, with its token.' };
}

/** Browsers name the page that opens a WebSocket, and do not stop pages of others: that is up to us. */
export function refusalOfOrigin(request: IncomingMessage): Refusal | undefined {
  if (isOwnOrigin(request)) return undefined;
  return { status: 403, why: 'Only the page of the screen itself may connect.' };
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
