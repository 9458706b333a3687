import path from 'node:path';
import { decimalsOf } from '../../base/currency.ts';
import type { WebSocketWishes } from '../../base/web.ts';
import type { Dialect } from '../dialect.ts';
import type { DialectSettings } from '../row.ts';
import { AnsweringConversation } from './answering.ts';
import { type Assumptions, DEFAULT_ASSUMPTIONS, readAssumptions } from './assumptions.ts';
import { forgetfulMemory, openMemory, type TerminalMemory } from './memory.ts';
import { routes, transactions } from './routes.ts';
import type { Port } from './speaking.ts';
import { type Authentication, TerminalEnd } from './terminal-end.ts';
import { PING_S, terminalWishes } from './wishes.ts';

/** How long the connection to the broker is not tried again: 5 s, whatever went wrong. */
const RETRY_MS = 5000;
const MAX_PING_S = 3600;
/** Longer than a customer takes with a card: UI commands wait for people. */
const TIMEOUT_MS = 300_000;

/** SCA: the terminal that answers registers, or the broker that terminals dial into. */
export async function setUp(settings: DialectSettings): Promise<Dialect> {
  const role = settings.text('role') ?? 'terminal';
  if (role === 'broker') return (await import('./broker-set-up.ts')).setUpBroker(settings);
  if (role !== 'terminal') throw settings.fault('role', 'terminal or broker is wanted');
  const assumed = readAssumed(settings);
  const wire = settings.text('wire');
  const end = new TerminalEnd({
    currency: readCurrency(settings),
    authentication: readAuthentication(settings, wire),
    assumed,
    memory: await readMemory(settings),
    pairsAlone: settings.flag('auto-pair'),
    dials: wire !== undefined && isWebSocket(wire),
    webSocket: readWebSocket(settings, wire),
  });
  return terminalDialect(end);
}

/** The dialect of a terminal that is known. */
export function terminalDialect(end: TerminalEnd, port: Port = 'both'): Dialect {
  return {
    name: 'sca',
    routes,
    transactions,
    secrets: ['ENTRY_CODE', 'MAC_KEY', 'TERMINAL_KEY'],
    timeoutMs: TIMEOUT_MS,
    ...(end.options.dials && {
      reconnects: { firstMs: RETRY_MS, limitMs: RETRY_MS, refusedMs: RETRY_MS, tellsEvery: true },
    }),
    webSocket: end.options.webSocket,
    ranked: (rank) => terminalDialect(end, rank === 1 ? 'primary' : 'secondary'),
    hasSession: () => end.terminal.session !== undefined,
    close: () => end.options.memory.close(),
    converse: (host, framing, options) => new AnsweringConversation(host, framing, options, end, port),
  };
}

function readWebSocket(settings: DialectSettings, wire: string | undefined): WebSocketWishes {
  const text = settings.text('ping-interval');
  const seconds = text === undefined ? PING_S : /^\d{1,4}$/.test(text) ? Number(text) : -1;
  if (seconds < 0 || seconds > MAX_PING_S)
    throw settings.fault('ping-interval', `seconds from 0 (none) to ${MAX_PING_S} are wanted`);
  const pinpad = settings.text('pinpad-id');
  if (pinpad !== undefined && !/^[A-Za-z0-9._:-]{1,64}$/.test(pinpad))
    throw settings.fault('pinpad-id', '1 to 64 letters and digits are wanted');
  const host = /^wss?:\/\/([^/?]+)/.exec(wire ?? '')?.[1];
  return terminalWishes({ host, pinpad, pingS: seconds });
}

function readCurrency(settings: DialectSettings): string {
  const currency = settings.text('currency');
  if (currency !== undefined) {
    if (decimalsOf(currency) === undefined)
      throw settings.fault('currency', 'the code of a currency is wanted, such as USD or EUR');
    return currency;
  }
  if (settings.isSimulated) return 'USD';
  throw settings.fault(
    'currency',
    'SCA names no currency: say which one amounts are in, such as --currency USD',
  );
}

function readAuthentication(settings: DialectSettings, wire: string | undefined): Authentication {
  if (settings.flag('skip-pos-auth')) {
    const place = wire ?? settings.text('listen') ?? '';
    if (!isWebSocket(place) && !settings.flag('websocket'))
      throw settings.fault(
        'skip-pos-auth',
        'goes with ws: and wss: only; over TCP a register has to register',
      );
    return 'skip';
  }
  const isMutual = wire?.startsWith('wss:') === true && settings.text('tls-cert') !== undefined;
  return isMutual ? 'optional' : 'required';
}

function readAssumed(settings: DialectSettings): Assumptions {
  const text = settings.text('assume');
  if (text === undefined) return DEFAULT_ASSUMPTIONS;
  const read = readAssumptions(text);
  if (typeof read === 'string') throw settings.fault('assume', read);
  return read;
}

async function readMemory(settings: DialectSettings): Promise<TerminalMemory> {
  const journal = settings.text('journal');
  const isShared = journal !== undefined && !/[{}:]/.test(journal);
  const folder =
    settings.text('terminal-state') ?? (isShared ? path.join(journal, 'sca-terminal') : undefined);
  if (folder === undefined) return forgetfulMemory();
  return openMemory(folder);
}

function isWebSocket(place: string): boolean {
  return /^wss?:/.test(place);
}
