import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { Relay } from '../kit/relay.ts';

/** Where a connection is cut, and how. */
export interface Cut {
  /** `there` is toward the terminal. */
  readonly direction: 'there' | 'back';
  /** So many bytes still get through in this direction. */
  readonly afterBytes: number;
  /** Both sides see an end, or a reset, or nothing at all: the line is silent, and stays so. */
  readonly how: 'end' | 'reset' | 'silence';
}

/** Stands between registers and a bridge on the loopback, and cuts connections. */
export class CutRelay {
  /** The newest connection. */
  newest: Relay | undefined;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #cut: Cut | undefined;

  static async open(bridgePort: number): Promise<CutRelay> {
    const relay = new CutRelay(bridgePort);
    relay.#server.listen(0, '127.0.0.1');
    await once(relay.#server, 'listening');
    return relay;
  }

  private constructor(bridgePort: number) {
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (register) => {
      const bridge = connect({ port: bridgePort, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
      this.#join(register, bridge);
    });
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === 'object' ? (address?.port ?? 0) : 0;
  }

  /** For the next connection; those after it are left alone. */
  arm(cut: Cut): void {
    this.#cut = cut;
  }

  /** Pulls the plug: every connection is reset. */
  cutNow(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.cutNow();
    await closed;
  }

  #join(register: Socket, bridge: Socket): void {
    for (const socket of [register, bridge]) {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    }
    const relay = new Relay(register, bridge);
    const cut = this.#cut;
    this.newest = relay;
    this.#cut = undefined;
    if (cut === undefined) return;
    void relay[cut.direction].pass(cut.afterBytes).then(() => {
      relay.there.close();
      relay.back.close();
      for (const socket of [register, bridge]) {
        if (cut.how === 'end') socket.destroySoon();
        else if (cut.how === 'reset') socket.resetAndDestroy();
        else socket.pause(); // neither side learns what the other one does
      }
    });
  }
}
