import { createServer, type IncomingMessage, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { pipeline } from 'node:stream';

/** A proxy of HTTP that opens connections to others (CONNECT), as Node.js documents one. */
export class TestProxy {
  /** Whom it was asked for, and with which credentials. */
  readonly asked: { readonly target: string; readonly login: string | undefined }[] = [];
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #refusesWith: number | undefined;

  private constructor(refusesWith: number | undefined) {
    this.#refusesWith = refusesWith;
    this.#server = createServer((_request, response) => response.writeHead(405).end());
    this.#server.on('connection', (socket) => this.#sockets.add(socket));
    this.#server.on('connect', (request, socket, head) => this.#connect(request, socket as Socket, head));
  }

  /** `refusesWith`: the status that everybody hears. */
  static async listen(refusesWith?: number): Promise<TestProxy> {
    const proxy = new TestProxy(refusesWith);
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #connect(request: IncomingMessage, socket: Socket, head: Buffer): void {
    const target = request.url ?? '';
    this.asked.push({ target, login: request.headers['proxy-authorization'] });
    if (this.#refusesWith !== undefined) {
      socket.end(`HTTP/1.1 ${this.#refusesWith} No\r\n\r\n`);
      return;
    }
    const { hostname, port } = new URL(`http://${target}`);
    const onward = connect(Number(port), hostname, () => {
      socket.write('HTTP/1.1 200 Connection Established\r\n\r\n');
      onward.write(head);
    });
    this.#sockets.add(onward);
    pipeline(socket, onward, socket, () => {});
  }
}
