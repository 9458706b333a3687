import path from 'node:path';
import type { Clock } from '../../base/clock.ts';
import { BridgeError } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import { maskText } from '../../base/mask.ts';
import { randomId } from '../../base/random-id.ts';
import type { KeepaliveOptions } from '../../dialect/dialect.ts';
import type { TerminalEndpoint } from '../../endpoint/endpoint.ts';
import { placeOf } from '../../endpoint/place.ts';
import type { ProxyRule } from '../../wire/proxy.ts';
import type { TlsFiles } from '../../wire/tls.ts';
import { type AskingEndOptions, openAskingEnd } from '../asking-end.ts';
import { besideOpener, terminalWireOpener } from '../open-wire.ts';
import { DEFAULT_KEEPALIVE, DEFAULT_MAX_FRAME_BYTES, speedOf } from '../pos-options.ts';
import { Gateway } from './gateway.ts';
import type { GatewayStore } from './gateway-store.ts';

export interface OpenGatewayOptions {
  readonly clock: Clock;
  readonly log: Logger;
  /** How the register is called, where it has a name. */
  readonly register?: string | undefined;
  /** Where what must be remembered is kept. */
  readonly store: string | undefined;
  readonly claim?: AskingEndOptions['claim'];
  readonly keepalive?: KeepaliveOptions | 'off' | undefined;
  readonly sync?: boolean | undefined;
  readonly maxFrameBytes?: number | undefined;
  readonly tls?: TlsFiles | undefined;
  /** Which proxy leads to where; default: none. */
  readonly proxyTo?: ProxyRule | undefined;
}

/**
 * A terminal as an application. Rejects with ENDPOINT_INVALID or USAGE for what cannot be used, with STATE_OPEN_FAILED
 * or STORE_FAILED where what must be remembered has no place.
 */
export async function openGateway(terminal: TerminalEndpoint, options: OpenGatewayOptions): Promise<Gateway> {
  const { clock, log, register, store, claim, tls, proxyTo } = options;
  const { dialect, wire: to } = await openAskingEnd(terminal, { register, store, claim });
  const { maxFrameBytes = DEFAULT_MAX_FRAME_BYTES, keepalive = DEFAULT_KEEPALIVE } = options;
  const opening = {
    to,
    dialect,
    clock,
    log,
    maxFrameBytes,
    tls,
    proxyTo,
    openWire: undefined,
    wsCredentials: undefined,
  };
  return new Gateway({
    dialect,
    to: maskText(terminal.text),
    place: to,
    store:
      dialect.transactions.recovery === undefined
        ? await openStore(terminal, dialect.name, store, { clock, log })
        : undefined,
    openWire: terminalWireOpener(opening),
    openBeside: besideOpener(opening),
    tls,
    maxFrameBytes,
    keepalive,
    sync: options.sync ?? to.kind === 'serial',
    discardMs: 0,
    linkSpeed: speedOf(to),
    clock,
    log,
    randomId,
  });
}

/** A terminal that cannot be asked about earlier sales needs somebody who remembers them. */
async function openStore(
  terminal: TerminalEndpoint,
  dialect: string,
  folder: string | undefined,
  context: Pick<OpenGatewayOptions, 'clock' | 'log'>,
): Promise<GatewayStore> {
  if (folder === undefined) {
    const why = `a terminal that speaks ${dialect} cannot be asked about earlier sales, so they have to be recorded`;
    throw new BridgeError('USAGE', `${why}: say where, with --terminal-store DIR or --journal DIR`);
  }
  const { GatewayStore: Store } = await import('./gateway-store.ts');
  return Store.open(path.join(folder, 'sales'), { ...context, place: maskText(await placeOf(terminal)) });
}
