import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { afterSilence, systemClock } from '../base/clock.ts';
import { BridgeError } from '../base/errors.ts';
import { HANDSHAKE_LIMIT_MS } from './handshakes.ts';
import { MAX_HEADER_BYTES, tellAboutWebSocket } from './http-server.ts';
import type { Wire } from './wire.ts';
import { WireStream } from './wire-stream.ts';
import { WsDoor, type WsDoorOptions } from './ws-door.ts';

export type AcceptWsOptions = Omit<WsDoorOptions, 'path' | 'takesPathsBelow' | 'clock'> &
  Partial<Pick<WsDoorOptions, 'clock'>>;

/**
 * Answers the WebSocket handshake with which a stream wire begins, as a server does that has one connection. Any path
 * will do: who gets here is the business of whoever has started us, and `admit` sees the last part of it. Rejects with
 * WIRE_FAULT for a peer that is not let in, or that wants something else; the wire is closed then.
 */
export function acceptWs(wire: Wire, options: AcceptWsOptions): Promise<Wire> {
  const { clock = systemClock } = options;
  const stream = new WireStream(wire);
  return new Promise((resolve, reject) => {
    const refuse = (fault: unknown) => {
      deadline.cancel();
      reject(fault);
    };
    const nothing = (why: string) =>
      refuse(new BridgeError('WIRE_FAULT', `${wire.peer.text} has opened no WebSocket: ${why}`));
    const deadline = afterSilence(clock, HANDSHAKE_LIMIT_MS, () => {
      nothing(`nothing within ${HANDSHAKE_LIMIT_MS / 1000} s`);
      stream.destroy();
    });
    stream.once('close', () => nothing('it has closed, or does not speak HTTP'));
    const server = createServer(
      { maxHeaderSize: MAX_HEADER_BYTES },
      (request: IncomingMessage, response: ServerResponse) => {
        tellAboutWebSocket(request, response);
        nothing('it asked for something else');
      },
    );
    server.on('upgrade', (request: IncomingMessage, _stream, head: Buffer) => {
      const door = new WsDoor({
        ...options,
        clock,
        path: folderOf(request.url ?? ''),
        takesPathsBelow: true,
      });
      const opened = (accepted: Wire) => {
        deadline.cancel();
        resolve(accepted);
      };
      door.open(request, { socket: stream, head, peer: wire.peer }, opened).catch(refuse);
    });
    server.emit('connection', stream);
  });
}

/** What stands before the last slash of a path. */
function folderOf(target: string): string {
  const [path = ''] = target.split('?');
  return path.slice(0, path.lastIndexOf('/')) || '/';
}
