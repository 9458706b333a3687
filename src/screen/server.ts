import type { IncomingMessage } from 'node:http';
import path from 'node:path';
import type { Clock, Timer } from '../base/clock.ts';
import { describeFault } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { ScreenSource } from '../base/screen-source.ts';
import type { TcpEndpoint } from '../endpoint/endpoint.ts';
import { HEARTBEAT_MS, MAX_ACTION_BYTES, SOCKET_PATH } from '../page/protocol.ts';
import { type Refusal, refuse, refuseRequest } from '../wire/admission.ts';
import { openHttpServer } from '../wire/http-server.ts';
import { isLoopback } from '../wire/own-page.ts';
import {
  createToken,
  refusalOfHost,
  refusalOfOrigin,
  refusalOfToken,
  type ScreenAddress,
  urlOf,
} from './admission.ts';
import { readPageFiles, replacePictures, SECURITY_HEADERS, servePageFile } from './page-files.ts';
import { Viewer } from './viewer.ts';

export interface Screen {
  /** What a person opens in a browser, with the token if one is needed. */
  readonly url: string;
  /** How many browsers have it open. */
  readonly viewers: number;
  /** Leaves every browser and frees the port. Safe to repeat. */
  close(): Promise<void>;
}

export interface ScreenOptions {
  readonly clock: Clock;
  readonly log: Logger;
  /** Which page: its folder beside the built program. Default: that of the simulated terminal. */
  readonly page?: string;
  /** Where the built page is instead. */
  readonly pageFolder?: string;
  /** A folder with pictures that take the place of the page's own of the same names. */
  readonly pictures?: string | undefined;
}

const MAX_VIEWERS = 32;
/** Plain requests included: a browser opens up to six. */
const MAX_CONNECTIONS = 256;

/**
 * Serves a page that shows something of this process, and keeps every browser that has it open up to date.
 *
 * Only the page itself, under a name of this address, may look or act. Where others than this machine can connect,
 * a random token in the URL is needed as well. Rejects with LISTEN_FAILED.
 */
export async function openScreen(
  endpoint: TcpEndpoint,
  source: ScreenSource,
  { clock, log, page = 'screen', pageFolder = path.join(import.meta.dirname, page), pictures }: ScreenOptions,
): Promise<Screen> {
  const [built, { WebSocketServer }] = await Promise.all([readPageFiles(pageFolder), import('ws')]);
  const files = pictures === undefined ? built : await replacePictures(built, pictures);
  const viewers = new Set<Viewer>();
  const handshake = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: MAX_ACTION_BYTES,
    autoPong: false,
  });
  const report = (fault: Error) => log.warn('screen cannot accept', { why: describeFault(fault) });
  const server = await openHttpServer(endpoint, {
    clock,
    maxConnections: MAX_CONNECTIONS,
    refusesMore: true,
    onFault: report,
    answer: (request, response) => {
      server.heard(request.socket);
      const refusal = refusalOfRequest(request, address);
      const file = files.get(pathOf(request));
      if (refusal !== undefined) refuseRequest(response, guarded(refusal));
      else if (file === undefined) refuseRequest(response, guarded(NOTHING));
      else servePageFile(file, request, response);
    },
    upgrade: (request, head) => {
      const { socket } = request;
      const refusal = refusalOfUpgrade(request, address, viewers.size);
      if (refusal !== undefined) {
        log.warn('screen refused', { peer: socket.remoteAddress, why: refusal.why });
        return refuse(socket, guarded(refusal));
      }
      server.heard(socket);
      handshake.handleUpgrade(request, socket, head, (ws) => {
        const viewer = new Viewer(ws, source, log);
        viewers.add(viewer);
        ws.on('close', () => viewers.delete(viewer));
        viewer.update(); // counted by now: whether a person decides may depend on who looks
      });
    },
  });
  const { boundTo = endpoint.host, port = endpoint.port } = server;
  const token = isLoopback(boundTo) ? undefined : createToken();
  const address: ScreenAddress = { host: endpoint.host, port, token };

  const unwatch = source.watch(() => {
    for (const viewer of viewers) viewer.update();
  });
  let heartbeat: Timer;
  const beat = () => {
    for (const viewer of viewers) viewer.beat();
    heartbeat = clock.after(HEARTBEAT_MS, beat);
  };
  heartbeat = clock.after(HEARTBEAT_MS, beat);

  return {
    url: urlOf(address),
    get viewers() {
      return viewers.size;
    },
    async close() {
      heartbeat.cancel();
      unwatch();
      for (const viewer of viewers) viewer.close();
      await server.close('at-once');
    },
  };
}

function pathOf({ url = '' }: IncomingMessage): string {
  return url.split('?')[0] ?? '';
}

/** The files hold no secrets, so the page's own requests for them carry no token. */
function refusalOfRequest(request: IncomingMessage, address: ScreenAddress): Refusal | undefined {
  const { method, url } = request;
  if (method !== 'GET' && method !== 'HEAD') {
    return { status: 405, why: 'Only GET and HEAD are served.', headers: { Allow: 'GET, HEAD' } };
  }
  const refusal = refusalOfHost(request, address);
  if (refusal !== undefined || pathOf(request) !== '/') return refusal;
  return refusalOfToken(url?.split('?')[1], address);
}

function refusalOfUpgrade(
  request: IncomingMessage,
  address: ScreenAddress,
  viewers: number,
): Refusal | undefined {
  if (pathOf(request) !== `/${SOCKET_PATH}`) return NOTHING;
  if (viewers >= MAX_VIEWERS) return { status: 503, why: `${MAX_VIEWERS} browsers are the limit.` };
  return (
    refusalOfHost(request, address) ??
    refusalOfOrigin(request) ??
    refusalOfToken(request.url?.split('?')[1], address)
  );
}

const NOTHING: Refusal = { status: 404, why: 'There is nothing here.' };

function guarded(refusal: Refusal): Refusal {
  const headers = { ...SECURITY_HEADERS, 'Cache-Control': 'no-store', ...refusal.headers };
  return { ...refusal, headers };
}
