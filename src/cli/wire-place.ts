import { isatty } from 'node:tty';
import { BridgeError } from '../base/errors.ts';
import type { BridgeContext, BridgeOptions } from '../bridge/bridge-options.ts';
import type { Endpoint } from '../endpoint/endpoint.ts';
import { isNull, openFdWire } from '../wire/fd.ts';
import {
  bytesPerSecond,
  LINE_SETTINGS_FORM,
  type LineSettings,
  parseLineSettings,
} from '../wire/line-settings.ts';
import { type OpenEndpoint, openWire } from '../wire/open.ts';
import { chooseStdio, descriptorProbe, peerFromEnvironment } from '../wire/stdio.ts';
import type { TlsFiles } from '../wire/tls.ts';
import type { Wire } from '../wire/wire.ts';
import { readEndpoint, readProxies } from './readers.ts';
import type { Settings } from './settings.ts';

/** Where the wire of a bridge is: an endpoint, or what a super-server has put on the descriptors. */
export interface Place {
  readonly endpoint: Endpoint | undefined;
  readonly fds: { readonly read: number; readonly write: number } | undefined;
  /** How a terminal line is to be set. */
  readonly tty: LineSettings | undefined;
  readonly line: LineFacts;
  /** For `wss:`. */
  readonly tls?: TlsFiles | undefined;
}

/** What decides the defaults of options about lines. */
export interface LineFacts {
  /** A serial or terminal line, on which nobody says where a conversation begins. */
  readonly isLine: boolean;
  /** What it carries, where somebody said so. */
  readonly bytesPerS?: number;
}

export function findPlace(settings: Settings): Place {
  const endpoint = readEndpoint(settings, 'wire', 'wire');
  const fds =
    endpoint === undefined
      ? chooseStdio(process.env, descriptorProbe)
      : endpoint.kind === 'fd'
        ? endpoint
        : undefined;
  const isTty = fds !== undefined && isatty(fds.read);
  const tty = settings.read('tty', LINE_SETTINGS_FORM, parseLineSettings);
  if (tty !== undefined && !isTty) {
    throw settings.fault('tty', 'the wire is no terminal line; a serial: endpoint has options of its own');
  }
  if (settings.flag('websocket') === true && (fds === undefined || isTty)) {
    throw settings.fault(
      'websocket',
      'goes with a socket or pipes: standard input and output, or --wire fd:',
    );
  }
  if (settings.isGiven('proxy-protocol') && (fds === undefined || isTty)) {
    throw settings.fault(
      'proxy-protocol',
      'goes with a socket or pipes: standard input and output, or --wire fd:',
    );
  }
  if (settings.flag('websocket') !== true && settings.isGiven('allow-origin')) {
    throw settings.fault('allow-origin', 'goes with --websocket');
  }
  if (endpoint?.kind !== 'serial' && settings.flag('once') === true) {
    throw settings.fault('once', 'goes with --wire serial:; every other wire is opened once anyway');
  }
  return { endpoint, fds, tty, line: lineFacts(endpoint, isTty, tty) };
}

/** Whether nobody can ever be at the wire. Ask before it is opened, and say it last: any other fault is worth more. */
export function isNobodyAt({ endpoint, fds }: Place): boolean {
  return endpoint === undefined && fds?.read === 0 && isNull(0);
}

export function nobody(): BridgeError {
  return new BridgeError('USAGE', NOBODY);
}

const NOBODY =
  'descriptor 0 is /dev/null, or was closed: nobody can be there; say where the peer is with --wire ENDPOINT, ' +
  'or accept connections with posbridge serve --listen ENDPOINT';

function lineFacts(endpoint: Endpoint | undefined, isTty: boolean, tty: LineSettings | undefined): LineFacts {
  const isSerial = endpoint?.kind === 'serial';
  const said = isSerial && endpoint.options.baudRate !== undefined ? endpoint.options : tty;
  return {
    isLine: isSerial || isTty,
    ...(said?.baudRate !== undefined && { bytesPerS: bytesPerSecond({ ...said, baudRate: said.baudRate }) }),
  };
}

export interface OpenContext {
  readonly settings: Settings;
  readonly options: BridgeOptions;
  readonly context: Pick<BridgeContext, 'clock' | 'statistics'>;
  readonly signal?: AbortSignal;
}

/** Opens the wire. Rejects with a BridgeError. */
export async function openPlace(place: Place, context: OpenContext): Promise<Wire> {
  const { settings } = context;
  const opened = await open(place, context);
  const outer = settings.flag('torture') === true ? await tortured(opened) : opened;
  const wire = settings.isGiven('proxy-protocol') ? await relayed(outer, context) : outer;
  return settings.flag('websocket') === true ? accepted(wire, context) : wire;
}

/** The wire behind a proxy, where one of those that are trusted is there. */
async function relayed(wire: Wire, { settings, context: { clock } }: OpenContext): Promise<Wire> {
  if (readProxies(settings)?.has(wire.peer) !== true) return wire;
  const { acceptRelayed } = await import('../wire/relayed-wire.ts');
  return acceptRelayed(wire, { clock });
}

async function tortured(wire: Wire): Promise<Wire> {
  const { tortureWire } = await import('../wire/torture.ts');
  return tortureWire(wire);
}

/** The WebSocket with whose handshake a wire begins. */
async function accepted(wire: Wire, { settings, options, context }: OpenContext): Promise<Wire> {
  const [{ acceptWs }, { readOrigins }] = await Promise.all([
    import('../wire/ws-accept.ts'),
    import('./origin-option.ts'),
  ]);
  const { webSocket, admit } = options.dialect;
  const maxMessageBytes = options.protocol.maxFrameBytes;
  const allowOrigins = readOrigins(settings);
  return acceptWs(wire, { maxMessageBytes, ...webSocket, admit, allowOrigins, clock: context.clock });
}

async function open(
  { endpoint, fds, tty, tls }: Place,
  { settings, options, context: { clock, statistics }, signal }: OpenContext,
): Promise<Wire> {
  const onLineError = (damaged: number) => statistics.count('line errors', damaged);
  if (fds !== undefined) {
    const peer = endpoint === undefined ? peerFromEnvironment(process.env) : undefined;
    return openFdWire(fds, { clock, peer, tty, onLineError });
  }
  const { webSocket } = options.dialect;
  const maxMessageBytes = options.protocol.maxFrameBytes;
  const isWeb = endpoint !== undefined && 'url' in endpoint;
  const proxyTo = isWeb
    ? (await import('./proxy-option.ts')).readProxy(settings, process.env, endpoint)
    : undefined;
  return openWire(endpoint as OpenEndpoint, {
    clock,
    signal,
    maxMessageBytes,
    tls,
    proxyTo,
    webSocket,
    onLineError,
  });
}
