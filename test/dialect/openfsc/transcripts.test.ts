import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Charset } from '../../../src/dialect/openfsc/charset.ts';
import { METHODS, type MethodName, readArguments } from '../../../src/dialect/openfsc/methods.ts';
import type { Site } from '../../../src/dialect/openfsc/sites.ts';
import { FakeClock } from '../../kit/fake-clock.ts';
import {
  type BenchOptions,
  K1,
  K2,
  type PlayedConnection,
  SECRET1,
  SECRET2,
  SERVER_CAPS,
  SiteBench,
  site,
} from './kit.ts';

/**
 * The transcripts, line by line, with the real site's end. What the site tells by itself is told by a played
 * application: its answers and pushes are taken from the transcript, so each `C:` line has crossed as JSON.
 */

const FOLDER = path.join(import.meta.dirname, '../../fixtures/openfsc');
const linesOf = (name: string) =>
  readFileSync(path.join(FOLDER, `${name}.txt`), 'utf8')
    .split('\n')
    .slice(1)
    .filter((line) => line !== '');

interface Split {
  readonly session: string;
  readonly tag: string;
  readonly method: string;
  readonly rest: string;
}

function split(line: string): Split {
  const [, session = '', tag = '', method = '', rest = ''] =
    /^(?:([^.\s]+)\.)?(\S+) (\S+) ?(.*)$/.exec(line) ?? [];
  return { session, tag, method, rest };
}

const NUMBERS = new Set(['pump']);
/** An element as an application would tell it. */
function elementOf(method: MethodName, rest: string): object {
  const read = readArguments(method, rest);
  if (!read.ok) throw new Error(`${method}: ${read.why}`);
  return Object.fromEntries(
    Object.entries(read.values).map(([name, value]) => [name, NUMBERS.has(name) ? Number(value) : value]),
  );
}

const ELEMENT_OF: Record<string, MethodName> = {
  PRICES: 'PRICE',
  PRODUCTS: 'PRODUCT',
  PUMPS: 'PUMP',
  PUMPSTATUS: 'PUMP',
  TRANSACTIONS: 'TRANSACTION',
};
const ASKED_BY_SITE = new Set(['CHARSET', 'PLAINAUTH', 'NEWSESSION', 'SESSIONS', 'LOCKEDPUMP']);

const kindOf = ({ method }: Split) => (ASKED_BY_SITE.has(method) ? 'asks' : 'answers');

class Player {
  readonly #script: readonly string[];
  readonly #benches = new Map<string, SiteBench>();
  readonly #options: (connection: string) => BenchOptions;
  /** Tags of the transcript by those of the site, and back. */
  readonly #tags = new Map<string, string>();
  /** Lines that were sent and not looked at, by connection and session. */
  readonly #waiting = new Map<string, Split[]>();
  readonly #handled = new WeakSet<object>();
  #at = 0;

  constructor(script: readonly string[], options: (connection: string) => BenchOptions) {
    this.#script = script;
    this.#options = options;
  }

  bench(connection = ''): SiteBench {
    const known = this.#benches.get(connection);
    if (known !== undefined) return known;
    const bench = new SiteBench(this.#options(connection));
    this.#benches.set(connection, bench);
    return bench;
  }

  play(): void {
    for (const [index, line] of this.#script.entries()) {
      this.#at = index;
      const [, side, number = '', said = ''] = /^([CS])(\d*): (.*)$/.exec(line) ?? [];
      if (side === 'S') this.#server(number, said);
      else if (side === 'C') this.#site(number, said);
      else this.#event(line);
    }
  }

  #event(line: string): void {
    if (/reconnect|is cut|was cut/.test(line) && !line.includes('first connection')) this.#cut('');
    if (line.includes('first connection cut')) this.#cut('');
    if (line.includes('first connection is back')) return;
    const connections = line.includes('both connections') ? ['', '2'] : [''];
    if (line.includes('CAPS')) {
      for (const connection of connections) {
        this.#expect(connection, { session: '', tag: '*', method: 'CAPABILITY', rest: '' });
        this.bench(connection).receive(SERVER_CAPS);
      }
    }
    if (line.includes('login K1')) {
      const login = this.#next('', '', 'asks');
      expect(`${login.method} ${login.rest}`).toBe(`PLAINAUTH ${K1} ${SECRET1}`);
      this.bench().receive(`${login.tag} OK`);
    }
  }

  #cut(connection: string): void {
    this.bench(connection).conversation.lost({ code: 'CONNECTION_CLOSED', text: 'cut', by: 'wire' });
    this.#benches.delete(connection);
    for (const key of [...this.#waiting.keys()])
      if (key.startsWith(`${connection}/`)) this.#waiting.delete(key);
  }

  #server(connection: string, said: string): void {
    const { session, tag, method, rest } = split(said);
    const isAnswer = method === 'OK' || method === 'ERR';
    const own = isAnswer ? (this.#tags.get(`${connection}/${session}/${tag}`) ?? tag) : tag;
    const bench = this.bench(connection);
    bench.receive(`${session === '' ? '' : `${session}.`}${own} ${method}${rest === '' ? '' : ` ${rest}`}`);
    for (const played of bench.connections) this.#answer(connection, session, tag, method, played);
  }

  /** Plays the application: what it answers stands in the transcript. */
  #answer(connection: string, session: string, tag: string, method: string, played: PlayedConnection): void {
    const request = played.requests.at(-1);
    if (request === undefined || this.#handled.has(request)) return;
    this.#handled.add(request);
    const elements: object[] = [];
    for (const line of this.#script.slice(this.#at + 1)) {
      if (line.startsWith('#') && /cut/.test(line)) return;
      if (!line.startsWith(`C${connection}: `)) continue;
      const said = split(line.slice(line.indexOf(' ') + 1));
      if (said.session !== session) continue;
      const element = ELEMENT_OF[method];
      if (said.tag === '*' && said.method === element) elements.push(elementOf(element, said.rest));
      if (said.tag !== tag) continue;
      const [code = '', ...words] = said.rest.split(' ');
      if (said.method === 'ERR') played.error(Number(code), words.join(' '), request);
      else if (method === 'PUMPSTATUS') played.result(elements[0] ?? {}, request);
      else played.result({ [`${(element ?? 'x').toLowerCase()}s`]: elements }, request);
      return;
    }
  }

  #site(connection: string, line: string): void {
    const said = split(line);
    if (!this.#isWaiting(connection, said.session, kindOf(said))) this.#initiate(connection, said);
    this.#expect(connection, said);
  }

  /** Something that the site does not do by itself. */
  #initiate(connection: string, { session, method, tag, rest }: Split): void {
    const bench = this.bench(connection);
    const played = session === '' ? bench.connections.at(-1) : bench.connection(session);
    if (method === 'QUIT' && session === '') {
      const closeAll = () => {
        for (const one of [...bench.connections])
          if (!one.isClosed) one.peer.close({ code: 'CONNECTION_CLOSED', text: rest, by: 'us' });
      };
      closeAll();
      bench.conversation.stop();
      closeAll(); // a bridge that stops closes what opens meanwhile, too
    } else if (method === 'QUIT') played?.ask('openfsc.quit', { reason: rest });
    else if (method === 'SESSIONS') played?.ask('openfsc.sessions', {});
    else if (tag === '*')
      played?.push(`openfsc.${method.toLowerCase()}`, elementOf(method as MethodName, rest));
    else played?.ask('openfsc.lockedPump', elementOf(method as MethodName, rest));
  }

  #isWaiting(connection: string, session: string, kind?: string): boolean {
    for (const line of this.bench(connection).lines()) {
      const said = split(line);
      const key = `${connection}/${said.session}`;
      this.#waiting.set(key, [...(this.#waiting.get(key) ?? []), said]);
    }
    return (this.#waiting.get(`${connection}/${session}`) ?? []).some((line) => kindOf(line) === kind);
  }

  /** What the site asks and what it answers are in no order between them. */
  #next(connection: string, session: string, kind: string): Split {
    this.#isWaiting(connection, session);
    const waiting = this.#waiting.get(`${connection}/${session}`) ?? [];
    const [next] = waiting.splice(
      waiting.findIndex((line) => kindOf(line) === kind),
      1,
    );
    if (next === undefined) throw new Error(`line ${this.#at + 2}: the site says nothing`);
    return next;
  }

  #expect(connection: string, wanted: Split): void {
    const said = this.#next(connection, wanted.session, kindOf(wanted));
    if (ASKED_BY_SITE.has(wanted.method)) {
      this.#tags.set(`${connection}/${wanted.session}/${wanted.tag}`, said.tag);
    } else expect([wanted, said.tag]).toEqual([wanted, wanted.tag]);
    expect([wanted, said.method]).toEqual([wanted, wanted.method]);
    if (wanted.method === 'BEAT') expect(said.rest).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d/);
    else if (wanted.method === 'CAPABILITY')
      expect(said.rest.split(' ')).toEqual(expect.arrayContaining(wanted.rest.split(' ').filter(Boolean)));
    else if (wanted.method === 'ERR')
      expect([wanted, said.rest.slice(0, 3)]).toEqual([wanted, wanted.rest.slice(0, 3)]);
    else if ((wanted.method !== 'QUIT' || wanted.session !== '') && wanted.rest !== '')
      expect(said.rest).toBe(wanted.rest);
  }

  /** Nothing was said that is not in the transcript; a session may say goodbye before its connection does. */
  finish(): void {
    for (const connection of this.#benches.keys()) this.#isWaiting(connection, '');
    const left = [...this.#waiting.values()].flat();
    expect(left.filter(({ session, method }) => session === '' || method !== 'QUIT')).toEqual([]);
  }
}

const clock = new FakeClock();
const pair = (one: string, other: string) => [
  site({ name: one, priority: 1 }),
  site({ name: other, priority: 2 }),
];
const two = [site(), site({ name: 's2', siteAccessKey: K2, secret: SECRET2 })];
const PLANS: Record<string, (connection: string) => BenchOptions> = {
  t1: () => ({ charsets: ['UTF-8'] }),
  // A charset that no server has: none of ours is refused by its name alone.
  t2: () => ({ charsets: ['KOI8-R' as Charset], sites: [site({ secret: 'wrong' })] }),
  t3: () => ({ clock }),
  t4: () => ({}),
  t5: () => ({ usesSessions: true, sites: two }),
  t7: (connection) => ({
    usesSessions: true,
    sites:
      connection === ''
        ? [site({ name: 'a', priority: 1 })]
        : [site({ name: 'b', priority: 2 }), site({ name: 'c', priority: 2 })],
  }),
  t8: () => ({}),
  t9: () => ({}),
  w1: () => ({ usesSessions: true, sites: [site(), { ...two[1], priority: 2 } as Site] }),
  w2: () => ({ usesSessions: true, sites: pair('s1', 's2') }),
  w3: () => ({ usesSessions: true, sessionMode: true, sites: pair('primary', 'backup') }),
  w4: () => ({}),
  w5: () => ({}),
};

/** Lines of a transcript that a site never sends, and their answers. */
const NEVER: Record<string, RegExp> = {
  // It refuses its application this reason, instead of the server.
  t4: /^[CS]: C3 /,
  // A session twice, a login beside sessions, SESSIONS or a login on a session.
  w2: /^[CS]: (?:C[89]|s1\.C7) /,
};

describe('transcript', () => {
  test.each(Object.entries(PLANS))('%s, the site', (name, options) => {
    const player = new Player(
      linesOf(name).filter((line) => !NEVER[name]?.test(line)),
      options,
    );
    player.play();
    player.finish();
    if (name !== 'w4' && name !== 'w5') return;
    expect(player.bench().connection().last.json.transactionInfo).toEqual({
      pan: '92873498723498792384',
      approvalCode: '643972',
      mileage: 176439,
    });
  });

  test('t6, the site, as far as a site does such things', () => {
    // What it never does: a session twice, a login beside sessions, SESSIONS or a login on a session that is not there.
    const never = /^[CS]: (?:C[345]|s1\.C2|s9\.C1) /;
    const opening = linesOf('t5').filter((line) => /NEWSESSION|PLAINAUTH|CAPS|^S: .*OK$/.test(line));
    const player = new Player([...opening, ...linesOf('t6').filter((line) => !never.test(line))], () => ({
      usesSessions: true,
      sites: two,
    }));
    player.play();
    player.finish();
  });

  test('every method that a transcript uses is in the table', () => {
    for (const name of [...Object.keys(PLANS), 't6']) {
      for (const line of linesOf(name)) {
        const [, said] = /^[CS]\d?: (.*)$/.exec(line) ?? [];
        if (said === undefined || said.includes('FROBNICATE')) continue;
        expect(Object.keys(METHODS)).toContain(split(said).method);
      }
    }
  });
});
