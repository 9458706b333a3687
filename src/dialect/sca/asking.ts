import { decimalsOf } from '../../base/currency.ts';
import { describeFault } from '../../base/errors.ts';
import type { AskingDialect, AskingSettings } from '../asking.ts';
import { AskingConversation } from './asking-conversation.ts';
import { PairingConversation } from './pairing-conversation.ts';
import { openPairing } from './pairing-store.ts';
import { openSalesMemory } from './sales-memory.ts';
import { TerminalMemo } from './terminal-memo.ts';

const HOST_TIMEOUT_S = 150;
const MAX_HOST_TIMEOUT_S = 3600;
const FIRST_RETRY_MS = 500;
const RETRY_LIMIT_MS = 5000;

/**
 * The register's end of SCA: on a terminal's TCP port, or over WebSocket, where somebody passes it on to a terminal.
 */
export async function asks(settings: AskingSettings): Promise<AskingDialect> {
  const currency = settings.text('currency');
  if (currency !== undefined && decimalsOf(currency) === undefined)
    throw settings.fault('currency', 'the code of a currency is wanted, such as USD or EUR');
  const hostTimeoutMs = readHostTimeout(settings) * 1000;
  const pinpad = settings.text('pinpad');
  const secondaryPort = readSecondary(settings);
  const mac = settings.text('mac') ?? 'auto';
  if (mac !== 'auto' && mac !== 'off') throw settings.fault('mac', 'auto or off is wanted');
  const name = settings.text('name') ?? 'terminal';
  if (!/^[A-Za-z0-9._-]{1,64}$/.test(name)) throw settings.fault('name', 'letters and digits are wanted');
  const folder = await settings.folder('its registration with the terminal').catch(() => undefined);
  const kept = await openFolder(folder, name).catch((cause: unknown) => {
    throw settings.fault(
      'name',
      `what is remembered of the terminal cannot be used: ${describeFault(cause)}`,
    );
  });
  const pairing = mac === 'off' ? undefined : kept?.pairing;
  const memo = new TerminalMemo(kept?.sales);
  const options = { memo, currency, hostTimeoutMs };
  return {
    name: 'sca',
    transactions: { methods: ['Purchase', 'Refund', 'Reversal'], recovery: 'Check', showsLastOnly: true },
    webSocket: {
      subprotocol: 'sci',
      isBinary: true,
      takesNoSubprotocol: true,
      ...(pinpad !== undefined && { headers: { 'x-vfi-pinpad-id': pinpad } }),
    },
    retryMs: (failures) => Math.min(FIRST_RETRY_MS * 2 ** Math.min(failures, 8), RETRY_LIMIT_MS),
    close: () => memo.close(),
    ask: (host, framing) => {
      // Over WebSocket the connection proves who is there.
      if (framing === 'messages') return new AskingConversation(host, 'messages', options);
      const own = { ...options, secondaryPort };
      if (mac === 'off') return new AskingConversation(host, 'stream', own);
      return new PairingConversation(host, pairing, own);
    },
  };
}

/** What the register's end remembers of one terminal; undefined: nothing outlives the process. */
async function openFolder(folder: string | undefined, name: string) {
  if (folder === undefined) return undefined;
  const [pairing, sales] = await Promise.all([
    openPairing(folder, name),
    openSalesMemory(folder, name, Date.now()),
  ]);
  return { pairing, sales };
}

/** The secondary port: the one after the primary one, unless another one is named, or none. */
function readSecondary(settings: AskingSettings): number | 'next' | undefined {
  const text = settings.text('secondary') ?? 'next';
  if (text === 'next') return 'next';
  if (text === 'none') return undefined;
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port < 1 || port > 65_535) throw settings.fault('secondary', 'a port, next or none is wanted');
  return port;
}

function readHostTimeout(settings: AskingSettings): number {
  const text = settings.text('host-timeout');
  if (text === undefined) return HOST_TIMEOUT_S;
  const seconds = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  if (seconds < 1 || seconds > MAX_HOST_TIMEOUT_S)
    throw settings.fault('host-timeout', `seconds from 1 to ${MAX_HOST_TIMEOUT_S} are wanted`);
  return seconds;
}
