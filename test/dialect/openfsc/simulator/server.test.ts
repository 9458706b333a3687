import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { askFirst } from '../../../../src/dialect/openfsc/simulator/first-questions.ts';
import { shownLine } from '../../../../src/dialect/openfsc/simulator/shown-line.ts';
import { tortureWire } from '../../../../src/wire/torture.ts';
import { mutated, seededRandom } from '../../../kit/random.ts';
import { F1, F2, K1, K2, PlatformBench, type PlayedSite, SECRET1, SECRET2, SITE_CAPS } from './kit.ts';

const PAN = '92873498723498792384';

async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** What the platform answers to each line. */
async function answers(site: PlayedSite, lines: readonly string[]): Promise<string[]> {
  const given: string[] = [];
  for (const line of lines) {
    site.send(line);
    given.push(await site.until(/^(?:\S+\.)?C\d+ /));
  }
  return given;
}

describe('the greeting', () => {
  test.each(['C1 PLAINAUTH x y', '* PUMP 1 free', 's1.* CAPABILITY', 'rubbish', '\x01'])(
    'anything but CAPABILITY first ends it: %j',
    async (line) => {
      const site = new PlatformBench().connect();
      site.send(line);
      expect((await site.rest()).at(-1)).toBe('* QUIT CAPABILITY has to come first');
    },
  );

  test('a site that says nothing for 30 s is left', async () => {
    const bench = new PlatformBench();
    const site = bench.connect();
    await site.next();
    bench.clock.advance(29_999);
    await settle();
    bench.clock.advance(1);
    expect(await site.next()).toBe('* QUIT no CAPABILITY within 30 s');
  });

  test('a second CAPABILITY adds to the list, and begins nothing anew', async () => {
    const bench = new PlatformBench();
    const site = await bench.login();
    site.send('* CAPABILITY FROB');
    expect(await answers(site, [`C2 PLAINAUTH ${K1} ${SECRET1}`])).toEqual([
      'C2 ERR 403 already authenticated',
    ]);
    const [, , ...names] = `${SITE_CAPS} FROB`.split(' ');
    expect([...(bench.platform.connections[0]?.siteTakes ?? [])]).toEqual(names);
  });
});

describe('requests of the site', () => {
  test('are refused in the order of the specification', async () => {
    const site = new PlatformBench().connect();
    site.send(SITE_CAPS);
    expect(
      await answers(site, [
        'C1 FROBNICATE',
        'C2 PUMPS',
        'C3 LOCKEDPUMP',
        'C4 CHARSET',
        'C5 CHARSET KOI8-R',
        `C6 PLAINAUTH nonsense ${SECRET1}`,
        `C7 PLAINAUTH ${K1} wrong`,
        `C8 PLAINAUTH ${K2.replace('6a', '6b')} ${SECRET2}`,
        's1.C9 SESSIONS',
        'C10 NEWSESSION a.b',
        'C11 NEWSESSION a 0',
        'C12 NEWSESSION abcdefghijklmnopq',
        'C13 M\xfcll',
      ]).then((all) => all.map((line) => line.replace(/(ERR \d+).*/, '$1'))),
    ).toEqual([
      'C1 ERR 405',
      'C2 ERR 405',
      'C3 ERR 403',
      'C4 ERR 400',
      'C5 ERR 404',
      'C6 ERR 400',
      'C7 ERR 401',
      'C8 ERR 401',
      's1.C9 ERR 400',
      'C10 ERR 400',
      'C11 ERR 400',
      'C12 ERR 400',
      'C13 ERR 406',
    ]);
  });

  test('a server that does not list NEWSESSION has no sessions', async () => {
    const site = new PlatformBench({ capabilities: ['PLAINAUTH'] }).connect();
    site.send(SITE_CAPS);
    expect(await answers(site, ['C1 NEWSESSION s1', 'C2 SESSIONS'])).toEqual([
      'C1 ERR 405 Method unknown',
      'C2 ERR 405 Method unknown',
    ]);
  });

  test('after a login there are no sessions, and no other charset', async () => {
    const site = await new PlatformBench().login();
    expect(await answers(site, ['C2 NEWSESSION s1', 'C3 CHARSET UTF-8'])).toEqual([
      'C2 ERR 410 newsession after plainauth not allowed',
      'C3 ERR 403 too late for another charset',
    ]);
  });

  test('a line of 8192 bytes is read, one of 8193 ends the connection', async () => {
    const site = await new PlatformBench().login();
    const line = (bytes: number) => `C2 FROB ${'x'.repeat(bytes - 'C2 FROB \r\n'.length)}`;
    expect(await answers(site, [line(8192)])).toEqual(['C2 ERR 405 Method unknown']);
    site.send(line(8193));
    expect(await site.rest()).toEqual(['C2 ERR 400 the line is too long', '* QUIT the line is too long']);
  });

  test('a notification with a tag is taken and answered, after the login', async () => {
    const bench = new PlatformBench();
    const site = bench.connect();
    site.send(SITE_CAPS);
    const lines = ['C1 PUMP 3 free', `C2 PLAINAUTH ${K1} ${SECRET1}`, 'C3 PUMP 3', 'C4 PUMP 3 in-use'];
    expect(await answers(site, lines)).toEqual([
      'C1 ERR 403 not authenticated',
      'C2 OK',
      'C3 ERR 400 malformed',
      'C4 OK',
    ]);
    expect(bench.site.known('PUMP')).toEqual([['3', 'in-use']]);
    expect(await answers(site, ['C5 CAPABILITY QUIT', 'C6 FROB'])).toEqual([
      'C5 OK',
      'C6 ERR 405 Method unknown',
    ]);
  });

  test.each([
    ['UTF-8', 'C3 BC 20 E2 82 AC'],
    ['WINDOWS-1252', 'FC 20 80'],
  ])('%s: the line behind CHARSET is read in it', async (charset, hex) => {
    const bench = new PlatformBench();
    const site = bench.connect();
    const price = Buffer.concat([
      Buffer.from('* PRICE 0500 LTR EUR 1.629 '),
      Buffer.from(hex.replaceAll(' ', ''), 'hex'),
      Buffer.from('\r\n'),
    ]);
    site.send(SITE_CAPS, `C0 CHARSET ${charset}`, `C1 PLAINAUTH ${K1} ${SECRET1}`);
    site.bytes(price);
    await site.until(/^C1 OK/);
    await settle();
    expect(bench.site.known('PRICE')).toEqual([['0500', 'LTR', 'EUR', '1.629', 'ü €']]);
  });
});

describe('sessions of one site', () => {
  test('without a wish they are numbered in the order of login', async () => {
    const bench = new PlatformBench();
    const site = await bench.loginSession('a');
    site.send('C2 NEWSESSION b', `b.C1 PLAINAUTH ${K1} ${SECRET1}`);
    await site.until(/^b\.C1 OK/);
    expect(bench.platform.sessionsOf(bench.site).map(({ name, priority }) => [name, priority])).toEqual([
      ['a', 1],
      ['b', 2],
    ]);
  });

  test('with a wish are never refused for one without, nor outranked by it', async () => {
    const bench = new PlatformBench();
    const ranks = () => bench.platform.sessionsOf(bench.site).map(({ name, priority }) => [name, priority]);
    const auto = await bench.loginSession('auto');
    expect(ranks()).toEqual([['auto', 1]]);
    const site = await bench.loginSession('later');
    const login = async (name: string, wish: string) => {
      site.send(`C2 NEWSESSION ${name}${wish}`, `${name}.C1 PLAINAUTH ${K1} ${SECRET1}`);
      return site.until(new RegExp(`^${name}\\.C1 `));
    };
    expect(await login('one', ' 1')).toBe('one.C1 OK');
    expect(await login('five', ' 5')).toBe('five.C1 OK');
    expect(await login('twin', ' 5')).toBe('twin.C1 ERR 409 Priority already taken');
    expect(ranks()).toEqual([
      ['one', 1],
      ['five', 5],
      ['auto', 6],
      ['later', 7],
    ]);
    expect(await auto.until(/SESSIONMODE/)).toBe('auto.* SESSIONMODE passive');
    site.send('five.* QUIT', 'C9 SESSIONS');
    await site.until(/^C9 OK/);
    expect(ranks()).toEqual([
      ['one', 1],
      ['auto', 2],
      ['later', 3],
    ]);
  });

  test('priorities 1 and 3: the next best takes over, the better one takes back', async () => {
    const bench = new PlatformBench();
    const one = await bench.loginSession('a', 1);
    const three = await bench.loginSession('b', 3);
    one.wire.destroy();
    expect(await three.next()).toBe('b.* SESSIONMODE active');
    const back = await bench.loginSession('a', 1);
    expect(await three.next()).toBe('b.* SESSIONMODE passive');
    back.send('a.* QUIT bye');
    expect(await three.next()).toBe('b.* SESSIONMODE active');
  });

  test('a session that becomes active is asked what there is, as often as it does', async () => {
    const bench = new PlatformBench();
    askFirst(bench.platform);
    const two = await bench.loginSession('b', 2);
    const answerAll = async (site: PlayedSite) => {
      for (const method of ['PRODUCTS', 'PRICES', 'PUMPS', 'TRANSACTIONS']) {
        const [tag, asked] = (await site.until(/S\d+ /)).split(' ');
        expect(asked).toBe(method);
        site.send(`${tag} OK`);
      }
    };
    await answerAll(two);
    const one = await bench.loginSession('a', 1);
    await answerAll(one);
    one.wire.destroy();
    await answerAll(two);
  });

  test('a site that has not announced PRODUCTS is not asked for them, and one that never answers a question gets the next', async () => {
    for (const [announces, first] of [
      [SITE_CAPS.replace(' PRODUCTS', ''), 'PRICES'],
      [SITE_CAPS, 'PRODUCTS'],
    ] as const) {
      const bench = new PlatformBench();
      askFirst(bench.platform);
      const site = bench.connect();
      site.send(announces, `C1 PLAINAUTH ${K1} ${SECRET1}`);
      await site.until(/^C1 OK/);
      expect(await site.next()).toBe(`S0 ${first}`);
      await settle();
      bench.clock.advance(4999);
      await settle();
      expect(bench.notes.filter((note) => note.includes('no answer'))).toEqual([]);
      bench.clock.advance(1);
      expect(await site.next()).toBe(`S1 ${first === 'PRICES' ? 'PUMPS' : 'PRICES'}`);
      expect(bench.notes.at(-1)).toBe(`connection 1: no answer to ${first}: going on`);
    }
  });

  test('one session that ends leaves the others alone; QUIT without a prefix ends all', async () => {
    const bench = new PlatformBench();
    const site = await bench.loginSession('a');
    site.send('C2 NEWSESSION b', `b.C1 PLAINAUTH ${K2} ${SECRET2}`);
    await site.until(/^b\.C1 OK/);
    const [session] = bench.platform.sessionsOf(bench.site);
    const asked = session?.ask('PUMPS', []);
    site.send('a.* QUIT');
    expect(await asked).toEqual({ kind: 'lost' });
    expect(bench.platform.connections[0]?.loggedIn.map(({ name }) => name)).toEqual(['b']);
    site.send('* QUIT');
    await site.rest();
    expect(bench.platform.connections).toEqual([]);
  });

  test('storms: whatever comes and goes, exactly one session is active, the best one', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.integer({ min: 1, max: 4 }), fc.boolean()), { maxLength: 12 }),
        async (events) => {
          const bench = new PlatformBench();
          const open = new Map<number, PlayedSite>();
          for (const [priority, isPolite] of events) {
            const known = open.get(priority);
            if (known === undefined) open.set(priority, await bench.loginSession('s', priority));
            else {
              if (isPolite) known.send('* QUIT');
              else known.wire.destroy();
              open.delete(priority);
            }
            await settle();
            const sessions = bench.platform.sessionsOf(bench.site);
            expect(sessions.map((one) => one.priority)).toEqual([...open.keys()].sort());
            expect(sessions.map(({ mode }) => mode)).toEqual(
              sessions.map((_one, index) => (index === 0 ? 'active' : 'passive')),
            );
          }
        },
      ),
      { numRuns: 15 },
    );
  });
});

describe('LOCKEDPUMP', () => {
  test('is for a pump that was unlocked for this transaction, once or again', async () => {
    const bench = new PlatformBench();
    const site = await bench.login();
    bench.site.released('2', F1);
    expect(
      await answers(site, [
        `C2 LOCKEDPUMP 3 ${F1} aborted`,
        `C3 LOCKEDPUMP 2 ${F2} aborted`,
        `C4 LOCKEDPUMP 2 ${F1} aborted`,
        `C5 LOCKEDPUMP 2 ${F1} timeout`,
      ]).then((all) => all.map((line) => line.replace(/(ERR \d+).*/, '$1'))),
    ).toEqual(['C2 ERR 404', 'C3 ERR 404', 'C4 OK', 'C5 OK']);
  });

  test('is too late when the customer has fuelled', async () => {
    const bench = new PlatformBench();
    const site = await bench.login();
    bench.site.released('2', F1);
    site.send(`* TRANSACTION 2 ${F1} open 0100 EUR 1.00 0.84 19.0 0.16 LTR 1.0 1.000`);
    expect((await answers(site, [`C2 LOCKEDPUMP 2 ${F1} aborted`]))[0]).toMatch(/^C2 ERR 403/);
  });
});

describe('what the platform remembers', () => {
  test('a transaction that is not told again is gone, of the pump that was asked for', async () => {
    const bench = new PlatformBench();
    const site = await bench.login();
    const told = (pump: number, id: string) =>
      `* TRANSACTION ${pump} ${id} open 0100 EUR 1.00 0.84 19.0 0.16 LTR 1.0 1.000`;
    site.send(told(1, 'a'), told(1, 'b'), told(2, 'c'), 'C9 FROB');
    await site.until(/^C9/);
    const { mark } = bench.site;
    site.send(told(1, 'b'), 'C10 FROB');
    await site.until(/^C10/);
    bench.site.forgetUntold(mark, '1');
    expect(bench.site.known('TRANSACTION').map(([, id]) => id)).toEqual(['c', 'b']);
    bench.site.forgetUntold(bench.site.mark, undefined);
    expect(bench.site.known('TRANSACTION')).toEqual([]);
  });

  test('odd things are taken, and noted', async () => {
    const bench = new PlatformBench();
    const site = await bench.login();
    site.send('* PRODUCT 1 wine 19.0', '* PUMP 1 in-transaction', '* FROB', 'S9 OK', 'C9 FROB');
    await site.until(/^C9/);
    expect(bench.site.known('PUMP')).toEqual([['1', 'in-transaction']]);
    expect(bench.notes.slice(-4)).toEqual([
      'connection 1: PRODUCT: product 1 has an unknown category',
      'connection 1: PUMP: pump 1 has an unusual status',
      'connection 1: a notification that is unknown or malformed is ignored',
      'connection 1: OK answers nothing that is open',
    ]);
  });
});

describe('real sites are put up with', () => {
  test('a client that asks for UTF-8 unasked, tags with S, and answers errors without a code', async () => {
    const bench = new PlatformBench();
    const site = bench.connect();
    site.send('* CAPABILITY', 'S1 CHARSET UTF-8', `S2 PLAINAUTH ${K1} ${SECRET1}`);
    expect(await site.until(/^S2/)).toBe('S2 OK');
    const asked = bench.platform.activeOf(bench.site)?.ask('LOCKPUMP', ['1']);
    site.send('S0 ERR Not implemented');
    expect(await asked).toEqual({ kind: 'error', code: 0, text: 'Not implemented' });
  });

  test('a client that begins anew at each CAPABILITY, and one with names that nobody knows', async () => {
    const bench = new PlatformBench();
    const site = await bench.login();
    site.send('* CAPABILITY FROB x-y PUMPS');
    expect(await answers(site, ['C1 CHARSET UTF-8'])).toEqual(['C1 ERR 403 too late for another charset']);
    expect(bench.platform.connections).toHaveLength(1);
  });

  test('an old client: bare LF, spaces behind, no price per unit, OK before the data', async () => {
    const bench = new PlatformBench();
    const site = await bench.login();
    const asked = bench.platform.activeOf(bench.site)?.ask('TRANSACTIONS', []);
    site.bytes(
      Buffer.from('S0 OK\n* TRANSACTION 3 a open 0100 EUR 1.00 0.84 19.0 0.16 LTR 1.0  \n\n\nC9 FROB\n'),
    );
    await site.until(/^C9/);
    expect(await asked).toEqual({ kind: 'ok' });
    expect(bench.site.known('TRANSACTION')[0]).toHaveLength(11);
  });
});

test('cut after n lines: the first connection, and no other', async () => {
  const bench = new PlatformBench({ cutAfterLines: 3 });
  const site = bench.connect();
  site.send(SITE_CAPS, 'C1 FROB', 'C2 FROB');
  await site.rest();
  expect(bench.lines).toHaveLength(3);
  await bench.login();
});

test('a byte at a time, both ways', async () => {
  const bench = new PlatformBench();
  const site = bench.connect(tortureWire);
  site.send(SITE_CAPS, `C1 PLAINAUTH ${K1} ${SECRET1}`);
  expect(await site.until(/^C1/)).toBe('C1 OK');
});

test('random bytes end in an orderly way, and nothing is left behind', async () => {
  const random = seededRandom(3);
  const conversation = Buffer.from(
    [
      SITE_CAPS,
      'C0 CHARSET UTF-8',
      'C1 NEWSESSION s1',
      `s1.C1 PLAINAUTH ${K1} ${SECRET1}`,
      's1.* PUMP 1 free',
      '',
    ].join('\r\n'),
  );
  const bench = new PlatformBench();
  for (let round = 0; round < 200; round += 1) {
    const site = bench.connect();
    site.bytes(mutated(conversation, random, Buffer.from('\r\n .*\xff\x00CS')));
    site.bytes(Buffer.from('\r\n* QUIT\r\n'));
    await settle();
    site.wire.destroy();
  }
  await bench.platform.drained();
  expect(bench.clock.timerCount).toBe(0);
});

describe('what is printed', () => {
  test('never has a secret or a card number, however malformed the line is', async () => {
    const bench = new PlatformBench();
    const site = await bench.login();
    const [session] = bench.platform.sessionsOf(bench.site);
    session?.tell('TRANSACTIONINFO', [F1, 'PAN', PAN]);
    site.send(
      `C2 PLAINAUTH ${SECRET1}`,
      `C3 PLAINAUTH  ${K1}  ${SECRET1} more`,
      `C4 plainauth ${K1} ${SECRET1}`,
      `* TRANSACTIONINFO ${PAN}`,
      `* TRANSACTIONINFO ${F1} PAN ${PAN}`,
      `C5 PAN ${F1} ${PAN}`,
      `* TransactionInfo x ${PAN}`,
      'C9 FROB',
    );
    await site.until(/^C9/);
    const all = [...bench.lines, ...bench.notes].join('\n');
    expect(all).not.toContain(SECRET1);
    expect(all).not.toContain(PAN);
    expect(bench.lines).toContain(`S1: * TRANSACTIONINFO ${F1} PAN ***`);
    expect(bench.lines[2]).toBe(`C1: C1 PLAINAUTH ${K1} ***`);
  });

  test('has no control characters', () => {
    expect(shownLine({ session: '', tag: 'C1', method: 'FROB', rest: '\u009b31m' })).not.toMatch(/\p{Cc}/u);
  });
});
