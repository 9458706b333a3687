import path from 'node:path';
import { type Clock, MAX_TIMER_MS, systemClock } from '../base/clock.ts';
import { type Logger, silentLogger } from '../base/log.ts';
import { randomId } from '../base/random-id.ts';
import type { AskingDialect } from '../dialect/asking.ts';
import type { KeepaliveOptions } from '../dialect/dialect.ts';
import type { Endpoint, TerminalEndpoint, WireEndpoint } from '../endpoint/endpoint.ts';
import { parseEndpoint } from '../endpoint/parse.ts';
import { EXAMPLES, invalid } from '../endpoint/syntax.ts';
import { isDeclarable } from '../rpc/outcome.ts';
import { bytesPerSecond } from '../wire/line-settings.ts';
import type { ProxyRule } from '../wire/proxy.ts';
import type { TlsFiles } from '../wire/tls.ts';
import type { Wire } from '../wire/wire.ts';
import type { JsonObject } from './answer.ts';
import { asTerminal, checkTerminal, openAskingEnd } from './asking-end.ts';

/** Name and password of a WebSocket's Basic authentication. */
export interface WsCredentials {
  readonly user: string;
  readonly password: string;
}

/**
 * Answers a request of the terminal, or does not know the method (undefined: JSONRPC_METHOD_NOT_FOUND). A promise that
 * rejects with a `RequestRefused` is answered with its code, any other rejection with INTERNAL_ERROR. `text`: the
 * params as the terminal wrote them, with numbers that a double cannot hold.
 */
export type RequestHandler = (
  method: string,
  params: JsonObject,
  text: string,
) => Promise<JsonObject> | undefined;

export interface PosClientOptions {
  /**
   * Where the terminal is: `tcp:`, `unix:`, `ws:`, `wss:`, `serial:` or `fd:`, as text or parsed; one that speaks
   * another protocol than JSONPOS as `DIALECT+ENDPOINT`.
   */
  readonly to: string | Endpoint;
  /** Opens the wire instead, once, for transports that have no endpoint; `to` is then only its name. */
  readonly openWire?: ((signal: AbortSignal) => Promise<Wire>) | undefined;
  /** Folder of the store, made if it is missing. Needed by `purchase`, `refund`, `reverse` and `recover`. */
  readonly store?: string | undefined;
  /** Folder for what a protocol has to remember, such as counters; default: one in the store. */
  readonly terminalStore?: string | undefined;
  /** How this register is called, where the protocol wants a name. */
  readonly register?: string | undefined;
  /** Sent as `api_key` with every request. Masked in logs and errors. */
  readonly apiKey?: string | undefined;
  /** In which language the terminal speaks to the cashier, as in `fi`. */
  readonly cashierLanguage?: string | undefined;
  /** How long work waits for a connection before it fails, nothing sent; default 10 s. */
  readonly connectTimeoutMs?: number | undefined;
  /** How long the outcome of a sale is asked for; default 15 min. */
  readonly outcomeWaitMs?: number | undefined;
  /**
   * How long "not found" may still mean that a sale has not ended, from the loss of its connection; default 5 s. For
   * terminals that know finished sales only: longer than a customer takes.
   */
  readonly notFoundAfterMs?: number | undefined;
  /** Further codes with which the terminal says "not charged"; see docs/errors.md. */
  readonly outcomeCodes?: readonly string[] | undefined;
  /**
   * Default 30 s when idle, 5 s when busy, 5 s for an answer. Like every time that is waited for, at most 2^31-1 ms.
   */
  readonly keepalive?: KeepaliveOptions | 'off' | undefined;
  /** Find the stream's position by `_Sync` before speaking; default: on serial lines only. */
  readonly sync?: boolean | undefined;
  /** Throw away what arrives in this time before `_Sync`: left over from an earlier connection. Default 0. */
  readonly discardMs?: number | undefined;
  /** Largest JSON text of a frame, bytes; 16 384 to 16 777 216, default 262 134. */
  readonly maxFrameBytes?: number | undefined;
  /**
   * Bytes a second of the line, at least 10; output is paced to it. Default: what `baudRate` says, else Infinity: as
   * fast as it goes.
   */
  readonly linkSpeed?: number | undefined;
  readonly wsCredentials?: WsCredentials | undefined;
  /** For `wss:` and `https:`: paths of PEM files, whom to trust (`ca`) and who we are (`cert`, `key`). */
  readonly tls?: TlsFiles | undefined;
  /** Which proxy of HTTP leads to where, for `ws:`, `wss:`, `http:` and `https:`; default: none. */
  readonly proxyTo?: ProxyRule | undefined;
  /** How long ended sales stay in the store; default 30 days. */
  readonly keepMs?: number | undefined;
  /**
   * A sale of which nothing could be sent stays in the store, as `not-started` or `cancelled`, and resolves with that.
   * Default: no trace of it is left, and it rejects.
   */
  readonly keepsUnsent?: boolean | undefined;
  readonly onRequest?: RequestHandler | undefined;
  /** Default: the machine's. */
  readonly clock?: Clock | undefined;
  /** Default: says nothing. */
  readonly log?: Logger | undefined;
  /** Random letters and digits, new at every call; default: 12 of them. */
  readonly randomId?: (() => string) | undefined;
}

export interface ResolvedPosOptions {
  readonly to: WireEndpoint;
  readonly dialect: AskingDialect;
  readonly openWire: ((signal: AbortSignal) => Promise<Wire>) | undefined;
  readonly store: string | undefined;
  readonly apiKey: string | undefined;
  readonly cashierLanguage: string | undefined;
  readonly connectTimeoutMs: number;
  readonly outcomeWaitMs: number;
  readonly notFoundAfterMs: number;
  readonly outcomeCodes: ReadonlySet<string>;
  readonly keepalive: KeepaliveOptions | 'off';
  readonly sync: boolean;
  readonly discardMs: number;
  readonly maxFrameBytes: number;
  readonly linkSpeed: number | undefined;
  readonly wsCredentials: WsCredentials | undefined;
  readonly tls: TlsFiles | undefined;
  readonly proxyTo: ProxyRule | undefined;
  readonly keepMs: number;
  readonly keepsUnsent: boolean;
  readonly onRequest: RequestHandler | undefined;
  readonly clock: Clock;
  readonly log: Logger;
  readonly randomId: () => string;
}

export const DEFAULT_CONNECT_TIMEOUT_MS = 10_000;
const DEFAULT_OUTCOME_WAIT_MS = 900_000;
const DEFAULT_NOT_FOUND_AFTER_MS = 5000;
export const DEFAULT_KEEPALIVE: KeepaliveOptions = { idleMs: 30_000, busyMs: 5000, limitMs: 5000 };
export const DEFAULT_MAX_FRAME_BYTES = 262_134;
const MIN_FRAME_BYTES = 16_384;
const MAX_FRAME_BYTES = 16 * 1024 * 1024;
const MIN_LINK_SPEED = 10;
const DEFAULT_KEEP_MS = 30 * 86_400_000;

/**
 * Rejects with ENDPOINT_INVALID for a bad endpoint, with RangeError for a bad number, and with what the dialect
 * refuses.
 */
export async function resolvePosOptions(options: PosClientOptions): Promise<ResolvedPosOptions> {
  const terminal = terminalOf(options.to);
  const { wire: to } = checkTerminal(terminal);
  const rest = resolveRest(options, to);
  const { store, terminalStore = store && path.join(store, 'terminal'), register } = options;
  const { dialect } = await openAskingEnd(terminal, { store: terminalStore, register });
  return { to, dialect, ...rest };
}

function resolveRest(
  options: PosClientOptions,
  to: WireEndpoint,
): Omit<ResolvedPosOptions, 'to' | 'dialect'> {
  return {
    openWire: options.openWire,
    store: options.store,
    apiKey: options.apiKey,
    cashierLanguage: options.cashierLanguage,
    connectTimeoutMs: checkTimerMs(
      'connectTimeoutMs',
      options.connectTimeoutMs ?? DEFAULT_CONNECT_TIMEOUT_MS,
    ),
    outcomeWaitMs: checkTimerMs('outcomeWaitMs', options.outcomeWaitMs ?? DEFAULT_OUTCOME_WAIT_MS),
    notFoundAfterMs: checkTimerMs('notFoundAfterMs', options.notFoundAfterMs ?? DEFAULT_NOT_FOUND_AFTER_MS),
    outcomeCodes: checkOutcomeCodes(options.outcomeCodes ?? []),
    keepalive: checkKeepalive(options.keepalive ?? DEFAULT_KEEPALIVE),
    sync: options.sync ?? to.kind === 'serial',
    discardMs: checkTimerMs('discardMs', options.discardMs ?? 0),
    maxFrameBytes: checkFrameBytes(options.maxFrameBytes ?? DEFAULT_MAX_FRAME_BYTES),
    linkSpeed: checkLinkSpeed(options.linkSpeed ?? speedOf(to)),
    wsCredentials: options.wsCredentials && { ...options.wsCredentials },
    tls: options.tls,
    proxyTo: options.proxyTo,
    keepMs: checkMs('keepMs', options.keepMs ?? DEFAULT_KEEP_MS, Number.MAX_SAFE_INTEGER),
    keepsUnsent: options.keepsUnsent ?? false,
    onRequest: options.onRequest,
    clock: options.clock ?? systemClock,
    log: options.log ?? silentLogger,
    randomId: options.randomId ?? randomId,
  };
}

function terminalOf(place: string | Endpoint): TerminalEndpoint {
  const endpoint = typeof place === 'string' ? parseEndpoint(place, 'terminal') : structuredClone(place);
  switch (endpoint.kind) {
    case 'tcp':
    case 'unix':
    case 'ws':
    case 'serial':
    case 'fd':
    case 'terminal':
      return asTerminal(endpoint);
    default:
      throw invalid(endpoint.text, 'no terminal can be there', EXAMPLES.tcp);
  }
}

/** What a serial line carries, if the endpoint says how fast it is. */
export function speedOf(to: WireEndpoint): number | undefined {
  const baudRate = to.kind === 'serial' ? to.options.baudRate : undefined;
  return to.kind === 'serial' && baudRate !== undefined
    ? bytesPerSecond({ ...to.options, baudRate })
    : undefined;
}

/** Undefined: no limit. */
function checkLinkSpeed(value: number | undefined): number | undefined {
  if (value === undefined || value === Number.POSITIVE_INFINITY) return undefined;
  if (typeof value !== 'number' || !(value >= MIN_LINK_SPEED)) {
    throw new RangeError(`linkSpeed: ${value} is no number of bytes a second from ${MIN_LINK_SPEED} on`);
  }
  return value;
}

function checkFrameBytes(value: number): number {
  if (!Number.isInteger(value) || value < MIN_FRAME_BYTES || value > MAX_FRAME_BYTES) {
    throw new RangeError(
      `maxFrameBytes: ${value} is no integer from ${MIN_FRAME_BYTES} to ${MAX_FRAME_BYTES}`,
    );
  }
  return value;
}

function checkOutcomeCodes(codes: readonly string[]): ReadonlySet<string> {
  const copy = [...codes];
  const bad = copy.find((code) => typeof code !== 'string' || !isDeclarable(code));
  if (bad !== undefined) {
    throw new RangeError(`outcomeCodes: ${String(bad)} cannot be declared to mean "not charged"`);
  }
  return new Set(copy);
}

function checkKeepalive(keepalive: KeepaliveOptions | 'off'): KeepaliveOptions | 'off' {
  if (keepalive === 'off') return keepalive;
  const { idleMs, busyMs, limitMs } = keepalive;
  for (const [name, value] of Object.entries({ idleMs, busyMs, limitMs })) {
    if (!(value > 0)) throw new RangeError(`keepalive.${name}: ${value} is not more than 0 milliseconds`);
    checkTimerMs(`keepalive.${name}`, value);
  }
  return { idleMs, busyMs, limitMs };
}

/** A time that a timer can run. Throws RangeError. */
export function checkTimerMs(name: string, value: number): number {
  return checkMs(name, value, MAX_TIMER_MS);
}

function checkMs(name: string, value: number, most: number): number {
  if (typeof value !== 'number' || !(value >= 0 && value <= most)) {
    throw new RangeError(`${name}: ${value} is no number of milliseconds from 0 to ${most}`);
  }
  return value;
}
