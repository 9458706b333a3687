import { writeFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import type { Workbench } from './kit.ts';

/** A played OpenFSC server for bridges that run as processes: lines over TCP, or over any other pair of streams. */

export const K1 = '9eb56d5e-6563-430a-9d39-5ddf567e73d5';
export const SECRET1 = '1d3b755d3bce8f09b4f8ff08dabf1796';
export const CAPABILITIES =
  '* CAPABILITY BEAT CHARSET LOCKEDPUMP NEWSESSION PLAINAUTH PRICE PRODUCT PUMP QUIT SESSIONS TRANSACTION TRANSACTIONINFO';
/** The line of a login. */
export const LOGIN = /^\S+ PLAINAUTH [0-9a-f]/;
export const F1 = 'e2f74ef5-f427-4ae6-bdd3-70a96709992f';

/** What ends a wait that would never end. */
const STUCK_MS = 30_000;

/** One connection of a site, from the server's side. */
export class ServerSide {
  readonly lines: string[] = [];
  isOver = false;
  readonly #write: (text: string) => void;
  readonly #letsIn: (line: string) => string;
  readonly #watchers = new Set<() => void>();
  #text = '';

  /** @param letsIn what is said to a login; OK unless told otherwise. */
  constructor(write: (text: string) => void, letsIn: (line: string) => string = () => 'OK') {
    this.#write = write;
    this.#letsIn = letsIn;
  }

  say(...lines: string[]): void {
    for (const line of lines) this.#write(`${line}\r\n`);
  }

  received(text: string): void {
    const parts = (this.#text + text).split('\r\n');
    this.#text = parts.pop() ?? '';
    for (const line of parts) {
      this.lines.push(line);
      const [tag, method = ''] = line.split(' ');
      if (method === 'PLAINAUTH') this.say(`${tag} ${this.#letsIn(line)}`);
      else if (['CHARSET', 'NEWSESSION', 'LOCKEDPUMP'].includes(method)) this.say(`${tag} OK`);
    }
    for (const look of [...this.#watchers]) look();
  }

  over(): void {
    this.isOver = true;
    for (const look of [...this.#watchers]) look();
  }

  /** The first line, past or future, that matches. */
  line(pattern: RegExp | string): Promise<string> {
    return this.wait(`${pattern}`, () =>
      this.lines.find((line) => (typeof pattern === 'string' ? line === pattern : pattern.test(line))),
    );
  }

  wait<T>(what: string, find: () => T | undefined): Promise<T> {
    return new Promise((resolve, reject) => {
      const settle = (run: () => void) => {
        clearTimeout(stuck);
        this.#watchers.delete(look);
        run();
      };
      const look = () => {
        const found = find();
        if (found !== undefined) settle(() => resolve(found));
        else if (this.isOver)
          settle(() => reject(new Error(`over without ${what}:\n${this.lines.join('\n')}`)));
      };
      const stuck = setTimeout(
        () => settle(() => reject(new Error(`still without ${what}:\n${this.lines.join('\n')}`))),
        STUCK_MS,
      );
      this.#watchers.add(look);
      look();
    });
  }
}

/** A server that listens; each connection is a `ServerSide`. */
export class PlayedServer {
  readonly port: number;
  readonly sockets: Socket[] = [];
  readonly #server: Server;
  readonly #sides: ServerSide[] = [];
  readonly #waiting: ((side: ServerSide) => void)[] = [];

  private constructor(server: Server, port: number) {
    this.#server = server;
    this.port = port;
  }

  static async listen(bench: Workbench, letsIn?: (line: string) => string): Promise<PlayedServer> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const played = new PlayedServer(server, typeof address === 'object' ? (address?.port ?? 0) : 0);
    server.on('connection', (socket) => {
      bench.keep(socket);
      played.sockets.push(socket);
      const side = new ServerSide((text) => socket.write(text, 'latin1'), letsIn);
      socket.setEncoding('latin1');
      socket.on('data', (text: string) => side.received(text));
      socket.on('error', () => {});
      socket.on('close', () => side.over());
      side.say(CAPABILITIES);
      const waiting = played.#waiting.shift();
      if (waiting === undefined) played.#sides.push(side);
      else waiting(side);
    });
    return played;
  }

  /** The next connection. */
  next(): Promise<ServerSide> {
    const side = this.#sides.shift();
    return side === undefined ? new Promise((resolve) => this.#waiting.push(resolve)) : Promise.resolve(side);
  }

  close(): void {
    this.#server.close();
  }
}

/** A sites file, and the secret file that it names. */
export function writeSites(bench: Workbench, more: object = {}, sites: readonly object[] = [{}]): string {
  writeFileSync(bench.path('secret'), `${SECRET1}\n`);
  const file = {
    sites: sites.map((site) => ({ siteAccessKey: K1, secretFile: bench.path('secret'), ...site })),
    ...more,
  };
  writeFileSync(bench.path('sites.json'), JSON.stringify(file));
  return bench.path('sites.json');
}
