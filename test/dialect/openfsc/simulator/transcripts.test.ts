import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import type { MethodName } from '../../../../src/dialect/openfsc/methods.ts';
import type { ServerSession, SiteAnswer } from '../../../../src/dialect/openfsc/simulator/server-session.ts';
import { askSite } from '../../../../src/dialect/openfsc/simulator/site-questions.ts';
import { byteByByte, inPieces } from '../../../kit/splits.ts';
import { K1, PlatformBench, type PlayedSite, SECRET1, SITE_CAPS } from './kit.ts';

/**
 * The transcripts, line by line, with the real platform: each `C:` line is written to it, each `S:` line has to come
 * from it. What it asks by itself is asked by the test, under the transcript's tag.
 */

const FOLDER = path.join(import.meta.dirname, '../../../fixtures/openfsc');
const linesOf = (name: string) =>
  readFileSync(path.join(FOLDER, `${name}.txt`), 'utf8')
    .split('\n')
    .slice(1)
    .filter((line) => line !== '');

const SERVER_CAPS =
  'BEAT CHARSET LOCKEDPUMP NEWSESSION PLAINAUTH PRICE PRODUCT PUMP QUIT SESSIONS TRANSACTION';
/** What the platform says by itself. */
const BY_ITSELF = new Set(['OK', 'ERR', 'SESSION', 'SESSIONMODE', 'CAPABILITY']);

interface Asked {
  readonly what: string;
  answer?: SiteAnswer;
}

class Player {
  readonly #bench = new PlatformBench({ capabilities: SERVER_CAPS.split(' ') });
  readonly #sites = new Map<string, PlayedSite>();
  readonly #numbers = new Map<string, number>();
  /** By connection, session and tag. */
  readonly #asked = new Map<string, Asked>();
  readonly #write: (site: PlayedSite, line: string) => void;
  readonly #caps: string;
  #count = 0;

  constructor(write: (site: PlayedSite, line: string) => void, takesModes: boolean) {
    this.#write = write;
    this.#caps = takesModes ? SITE_CAPS : SITE_CAPS.replace(' SESSIONMODE', '');
  }

  async play(script: readonly string[]): Promise<void> {
    for (const line of script) {
      const [, side, number = '', said = ''] = /^([CS])(\d*): (.*)$/.exec(line) ?? [];
      if (side === 'C') await this.#site(number, said.replace('<ts>', '2026-01-02T03:04:06.5+01:00'));
      else if (side === 'S') await this.#server(number, said);
      else await this.#event(line);
    }
  }

  async #event(line: string): Promise<void> {
    if (/cut before|was cut/.test(line)) {
      this.#connected('').wire.destroy();
      await this.#gone(this.#numbers.get('') ?? 0);
      this.#sites.delete('');
    }
    if (line.includes('CAPS')) {
      for (const connection of line.includes('both connections') ? ['', '2'] : ['']) {
        expect(await this.#connected(connection).next()).toBe(`* CAPABILITY ${SERVER_CAPS}`);
        this.#write(this.#connected(connection), this.#caps);
      }
    }
    if (line.includes('login K1')) {
      this.#write(this.#connected(''), `C900 PLAINAUTH ${K1} ${SECRET1}`);
      expect(await this.#connected('').next()).toBe('C900 OK');
    }
    if (line.includes('first connection is back')) await this.#comesBack();
  }

  async #comesBack(): Promise<void> {
    const site = this.#connected('');
    await site.next();
    this.#write(site, SITE_CAPS);
    this.#write(site, 'C1 NEWSESSION a 1');
    expect(await site.next()).toBe('C1 OK');
    this.#write(site, `a.C1 PLAINAUTH ${K1} ${SECRET1}`);
    expect(await site.next()).toBe('a.* SESSIONMODE active');
    expect(await site.next()).toBe('a.C1 OK');
    expect(await this.#connected('2').next()).toBe('b.* SESSIONMODE passive');
  }

  async #site(connection: string, said: string): Promise<void> {
    const site = this.#connected(connection);
    this.#write(site, said);
    const [first = '', method = '', code] = said.split(' ');
    const asked = this.#asked.get(`${connection}/${first}`);
    if (asked === undefined || (method !== 'OK' && method !== 'ERR')) return;
    await this.#until(() => asked.answer !== undefined);
    const { answer } = asked;
    const shown = answer?.kind === 'error' ? `ERR ${answer.code}` : 'OK';
    expect([asked.what, shown]).toEqual([asked.what, method === 'OK' ? 'OK' : `ERR ${code}`]);
  }

  async #server(connection: string, said: string): Promise<void> {
    const [first = '', method = '', ...args] = said.split(' ');
    if (!BY_ITSELF.has(method)) {
      const dot = first.indexOf('.');
      const session = await this.#session(connection, first.slice(0, Math.max(0, dot)));
      const tag = first.slice(dot + 1);
      // FROBNICATE is no method; that is the point of it.
      if (tag === '*') session.tell(method as MethodName, args);
      else this.#ask(`${connection}/${first}`, session, method as MethodName, args, tag);
    }
    expect(await this.#connected(connection).next()).toBe(said);
  }

  #ask(key: string, session: ServerSession, method: MethodName, args: string[], tag: string): void {
    const asked: Asked = { what: `${method} ${args.join(' ')}` };
    this.#asked.set(key, asked);
    void askSite(session, method, args, tag).then((answer) => {
      asked.answer = answer;
      this.#bench.platform.changed();
    });
  }

  async #session(connection: string, name: string): Promise<ServerSession> {
    const number = this.#numbers.get(connection);
    const found = () =>
      this.#bench.platform.connections.find((one) => one.number === number)?.sessionOf(name);
    await this.#until(() => found() !== undefined);
    return found() as ServerSession;
  }

  #connected(connection: string): PlayedSite {
    const known = this.#sites.get(connection);
    if (known !== undefined) return known;
    const site = this.#bench.connect();
    this.#count += 1;
    this.#numbers.set(connection, this.#count);
    this.#sites.set(connection, site);
    return site;
  }

  async #gone(number: number): Promise<void> {
    await this.#until(() => !this.#bench.platform.connections.some((one) => one.number === number));
  }

  async #until(isSo: () => boolean): Promise<void> {
    while (!isSo()) {
      await new Promise<void>((resolve) => {
        const stop = this.#bench.platform.listen(() => {
          stop();
          resolve();
        });
      });
    }
  }
}

const WAYS: readonly [string, (site: PlayedSite, line: string) => void][] = [
  ['a line a write', (site, line) => site.send(line)],
  [
    'a byte a write',
    (site, line) => {
      for (const byte of byteByByte(Buffer.from(`${line}\r\n`))) site.bytes(byte);
    },
  ],
  [
    'three bytes a write',
    (site, line) => {
      for (const piece of inPieces(Buffer.from(`${line}\r\n`), 3)) site.bytes(piece);
    },
  ],
];

describe.each(WAYS)('the platform keeps to the transcripts, %s', (_name, write) => {
  test.each(['t1', 't2', 't3', 't4', 't5', 't7', 't8', 't9', 'w1', 'w2', 'w3', 'w4', 'w5'])(
    '%s',
    async (name) => {
      await new Player(write, name === 't7' || name === 'w3').play(linesOf(name));
    },
  );

  test('t6, which goes on where t5 ends', async () => {
    await new Player(write, false).play([...linesOf('t5'), ...linesOf('t6')]);
  });
});
