import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type Server, WebSocketServer } from 'ws';
import type { Clock } from '../base/clock.ts';
import type { Admission, Admitted, Knock } from '../base/knock.ts';
import { type DoorRules, judgeRequest, refuse, refusedPeer } from './admission.ts';
import type { Peer, Wire } from './wire.ts';
import { DEFAULT_MAX_MESSAGE_BYTES, DEFAULT_SUBPROTOCOL, type WsOptions } from './ws.ts';
import { PatientWebSocket } from './ws-socket.ts';
import { wsWire } from './ws-wire.ts';

/** Who is let in (by default whoever offers our subprotocol, or none), and how. */
export interface WsDoorOptions extends WsOptions, DoorRules {
  readonly path: string;
  readonly clock: Clock;
}

/** Makes wires of requests for a WebSocket. Everything else is refused before it becomes one. */
export class WsDoor {
  readonly #options: WsDoorOptions;
  readonly #handshake: Server<typeof PatientWebSocket>;
  readonly #admitted = new WeakMap<IncomingMessage, Admitted>();

  constructor(options: WsDoorOptions) {
    this.#options = options;
    this.#handshake = new WebSocketServer<typeof PatientWebSocket>({
      WebSocket: PatientWebSocket,
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      maxPayload: options.maxMessageBytes ?? DEFAULT_MAX_MESSAGE_BYTES,
      handleProtocols: (_offered, request) => this.#admitted.get(request)?.subprotocol ?? false,
    });
    this.#handshake.on('headers', (lines, request) => {
      const { headers = {} } = this.#admitted.get(request) ?? {};
      for (const [name, value] of Object.entries(headers)) lines.push(`${name}: ${value}`);
    });
  }

  /**
   * Answers a request for an upgrade; `opened` runs in the turn in which there is a wire. Rejects with a BridgeError
   * about a peer that was refused.
   */
  async open(
    request: IncomingMessage,
    { socket, head, peer }: { readonly socket: Duplex; readonly head: Buffer; readonly peer: Peer },
    opened: (wire: Wire) => void,
  ): Promise<void> {
    const { clock, subprotocol } = { subprotocol: DEFAULT_SUBPROTOCOL, ...this.#options };
    socket.on('error', () => {});
    const { admit = (knock: Knock) => admitSubprotocol(knock, subprotocol) } = this.#options;
    const admission = await judgeRequest(request, peer, { ...this.#options, admit });
    if (socket.destroyed) return;
    if ('status' in admission) {
      refuse(socket, admission);
      throw refusedPeer('a WebSocket', peer, admission);
    }
    this.#admitted.set(request, admission);
    const { identity } = admission;
    this.#handshake.handleUpgrade(request, socket, head, (ws) => {
      const admitted = identity === undefined ? peer : { ...peer, identity };
      opened(wsWire(ws, socket, { ...this.#options, clock, peer: admitted }));
    });
  }
}

function admitSubprotocol({ subprotocols }: Knock, wanted: string | undefined): Admission {
  if (wanted === undefined || subprotocols.length === 0) return {};
  if (subprotocols.includes(wanted)) return { subprotocol: wanted };
  return { status: 400, why: `the subprotocol here is ${wanted}` };
}
