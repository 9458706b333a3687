import { describe, expect, test } from 'vitest';
import { SiteMemory } from '../../../src/dialect/openfsc/site-memory.ts';
import { reply } from '../../../src/dialect/reply.ts';
import { F1, K1, K2, letIn, loggedIn, multiplexed, SERVER_CAPS, SiteBench, site } from './kit.ts';

/** Sessions that applications close and open again, and several sessions of one site. */

const two = [site(), site({ name: 's2', siteAccessKey: K2 })];
const LOST = { code: 'CONNECTION_CLOSED', text: 'cut', by: 'wire' } as const;

describe('openfsc.quit', () => {
  test('ends one session with its reason, keeps the others, and openfsc.login opens it again', () => {
    const bench = multiplexed(two);
    const s1 = bench.connection('s1');
    expect(s1.ask('openfsc.quit', { reason: 'shutting down site 1' }).answer).toEqual({
      kind: 'result',
      json: {},
    });
    expect(bench.lines()).toEqual(['s1.* QUIT shutting down site 1']);
    expect(s1.links().at(-1)).toBe('closed');
    expect(s1.isClosed).toBe(false);
    bench.clock.advance(600_000);
    bench.receive('s2.S1 PUMPS', 's1.S1 PUMPS', 's1.C0 OK');
    bench.connection('s2').result({ pumps: [] });
    expect(bench.lines()).toEqual(['s1.S1 ERR 400 unknown session', 's2.S1 OK']);

    expect(s1.ask('openfsc.login', {}).answer?.kind).toBe('result');
    bench.clock.advance(0);
    expect(bench.lines()).toEqual(['C2 NEWSESSION s1']);
    bench.receive('C2 OK', 's1.C0 OK', 's1.S1 PUMPS');
    expect(s1.isClosed).toBe(true);
    expect(bench.connection('s1').links()).toEqual(['connecting', 'connected', 'authenticated']);
    bench.connection('s1').result({ pumps: [] });
    expect(bench.lines().at(-1)).toBe('s1.S1 OK');
    expect(bench.finished).toBeUndefined();
  });

  test('lets nothing cross any more: answers, pushes and requests of the old session go nowhere', () => {
    const bench = multiplexed(two);
    const s1 = bench.connection('s1');
    bench.receive(`s1.S1 CLEAR 3 x ${F1} pace`);
    s1.ask('openfsc.quit', {});
    expect(bench.lines()).toEqual(['s1.* QUIT closed by the site']);
    expect(reply(s1.last, 'result', Buffer.from('{}'))).toBe('closed');
    s1.push('openfsc.pump', { pump: 3, status: 'free' });
    const params = { pump: 2, fscTransactionId: F1, reason: 'aborted' };
    expect(s1.ask('openfsc.lockedPump', params).answer?.json.data.string_code).toBe('CONNECTION_CLOSED');
    s1.ask('openfsc.login', {});
    bench.clock.advance(0);
    letIn(bench);
    bench.receive('s1.S1 PUMPS');
    expect(reply(s1.last, 'result', Buffer.from('{}'))).toBe('closed');
    expect(bench.lines()).toEqual([]);
  });

  test.each([[5], ['a\r\nb'], [{}], [null]])(
    'with a reason of %j is refused, and nothing is sent',
    (reason) => {
      const bench = multiplexed(two);
      const answer = bench.connection('s1').ask('openfsc.quit', { reason }).answer;
      expect(answer?.json.code).toBe(-32602);
      expect(bench.lines()).toEqual([]);
    },
  );

  test('twice, or before the server has answered, says QUIT once and only for what it has', () => {
    const bench = new SiteBench({ sites: two, usesSessions: true });
    bench.receive(SERVER_CAPS);
    bench.lines();
    const [s1, s2] = [bench.connection('s1'), bench.connection('s2')];
    s1.ask('openfsc.quit', {});
    expect(bench.lines()).toEqual([]);
    bench.receive('C0 OK', 'C1 OK');
    expect(bench.lines()[0]).toBe('s1.* QUIT not needed any more');
    s1.ask('openfsc.quit', {});
    s2.ask('openfsc.quit', {});
    s2.ask('openfsc.quit', {});
    bench.receive('s2.C0 OK');
    expect(bench.lines()).toEqual(['s2.* QUIT closed by the site']);
    s2.ask('openfsc.login', {});
    s2.ask('openfsc.login', {});
    bench.clock.advance(0);
    expect(bench.lines()).toEqual(['C2 NEWSESSION s2']);
  });

  test('holds when the wire is lost: the site stays closed on the next one until it is opened', () => {
    const memory = new SiteMemory();
    const options = { sites: two, usesSessions: true, canReopen: true, memory };
    const bench = multiplexed(two, options);
    const s1 = bench.connection('s1');
    s1.ask('openfsc.quit', {});
    bench.conversation.lost(LOST);
    expect([s1.isClosed, bench.connection('s2').isClosed]).toEqual([false, true]);
    const next = multiplexed(two, options);
    expect(s1.isClosed).toBe(true);
    expect(next.sent.filter((line) => /^C\d+ NEWSESSION /.test(line))).toEqual(['C0 NEWSESSION s2']);
    next.connection('s1').ask('openfsc.login', {});
    next.clock.advance(0);
    letIn(next);
    expect(next.connection('s1').links().at(-1)).toBe('authenticated');
  });

  test('holds when the bridge ends the connection that it came on', () => {
    const bench = multiplexed(two);
    bench.connection('s1').ask('openfsc.quit', {});
    bench.lines();
    bench.connection('s1').peer.close({ code: 'OUTCOME_UNKNOWN', text: 'no idea', by: 'us' });
    bench.clock.advance(600_000);
    expect(bench.lines()).toEqual([]);
    expect([bench.connection('s1').isClosed, bench.connection('s1').links().at(-1)]).toEqual([
      false,
      'closed',
    ]);
    bench.connection('s1').ask('openfsc.login', {});
    bench.clock.advance(0);
    expect(bench.lines()).toEqual(['C2 NEWSESSION s1']);
  });

  test('of the only site leaves the wire; without a way to open it again that is the end', () => {
    const bench = loggedIn();
    bench.connection().ask('openfsc.quit', { reason: 'closing time' });
    expect(bench.lines()).toEqual(['* QUIT closing time']);
    expect(bench.finished).toMatchObject({ how: 'ended', verdict: 'left' });
    expect(bench.connection().isClosed).toBe(true);
    expect(bench.clock.timerCount).toBe(0);
  });

  test('of the only site keeps its connection where the wire can be opened again: openfsc.login does that', () => {
    const memory = new SiteMemory();
    const bench = loggedIn({ canReopen: true, memory });
    const s1 = bench.connection();
    s1.ask('openfsc.quit', { reason: 'closing time' });
    expect(bench.lines()).toEqual(['* QUIT closing time']);
    expect(bench.finished).toMatchObject({ how: 'ended', verdict: 'left' });
    expect([s1.isClosed, bench.reopened, s1.links().at(-1)]).toEqual([false, 0, 'closed']);
    expect(s1.ask('openfsc.sessions', {}).answer?.json.data.string_code).toBe('CONNECTION_CLOSED');
    s1.ask('openfsc.login', {});
    expect([s1.isClosed, bench.reopened]).toEqual([true, 1]);
    const next = loggedIn({ canReopen: true, memory });
    expect(next.connection().links().at(-1)).toBe('authenticated');
  });
});

describe('after a refused login on the only site', () => {
  test('openfsc.login opens the wire again; without it the next wire takes the connection over', () => {
    for (const isAsked of [true, false]) {
      const memory = new SiteMemory();
      const bench = new SiteBench({ canReopen: true, memory });
      bench.receive(SERVER_CAPS, 'C0 ERR 401 no');
      expect(bench.sent.at(-1)).toBe('* QUIT authentication failed');
      expect(bench.finished).toMatchObject({ verdict: 'refused' });
      const s1 = bench.connection();
      expect([s1.isClosed, s1.links()]).toEqual([false, ['connecting', 'connected', 'refused 401']]);
      if (isAsked) {
        expect(s1.ask('openfsc.login', {}).answer?.kind).toBe('result');
        expect(s1.isClosed).toBe(true);
      }
      expect(bench.reopened).toBe(isAsked ? 1 : 0);
      const next = loggedIn({ canReopen: true, memory });
      expect([s1.isClosed, next.connection().links().at(-1)]).toEqual([true, 'authenticated']);
    }
  });

  test('the same where the site has a session of its own', () => {
    const bench = new SiteBench({ usesSessions: true, canReopen: true });
    bench.receive(SERVER_CAPS, 'C0 OK', 's1.C0 ERR 401 no');
    expect(bench.sent.slice(-2)).toEqual(['s1.* QUIT authentication failed', '* QUIT authentication failed']);
    bench.connection().ask('openfsc.login', {});
    expect([bench.reopened, bench.connection().isClosed]).toEqual([1, true]);
  });

  test('a bridge that stops ends what was kept', () => {
    const bench = new SiteBench({ canReopen: true });
    bench.receive(SERVER_CAPS, 'C0 ERR 401 no');
    const { length } = bench.sent;
    bench.connection().peer.close({ code: 'CONNECTION_CLOSED', text: 'bye', by: 'us' });
    expect([bench.connection().isClosed, bench.sent.length]).toEqual([true, length]);
  });
});

test.each([400, 409])('a session that NEWSESSION was refused for (%i) gets no QUIT', (code) => {
  const bench = new SiteBench({ sites: two, usesSessions: true });
  bench.receive(SERVER_CAPS, `C0 ERR ${code} in use`, 'C1 OK', 's2.C0 OK');
  bench.conversation.stop();
  for (const { peer } of bench.connections) peer.close({ code: 'CONNECTION_CLOSED', text: 'bye', by: 'us' });
  expect(bench.lines().filter((line) => line.includes('QUIT ') && !line.includes('CAPABILITY'))).toEqual([
    's2.* QUIT bye',
    '* QUIT the bridge is being stopped',
  ]);
});

describe('one site, primary and backup on one connection', () => {
  const pair = [site({ name: 'primary', priority: 1 }), site({ name: 'backup', priority: 2 })];

  test('each is a session with its priority, and a connection of its own', () => {
    const bench = multiplexed(pair, { sessionMode: true });
    expect(bench.sent[0]).toContain(' SESSIONMODE ');
    expect(bench.sent).toContain('C0 NEWSESSION primary 1');
    expect(bench.sent).toContain('C1 NEWSESSION backup 2');
    expect(bench.sent.filter((line) => line.includes(` PLAINAUTH ${K1} `))).toHaveLength(2);
    bench.receive('primary.* SESSIONMODE active', 'backup.* SESSIONMODE passive', 'backup.S1 PUMPS');
    bench.connection('backup').result({ pumps: [{ pump: 1, status: 'free' }] });
    expect(bench.lines()).toEqual(['backup.* PUMP 1 free', 'backup.S1 OK']);
  });

  test('what was told on the other session since is told again when the roles change', () => {
    const bench = multiplexed(pair, { sessionMode: true });
    const push = (status: string) => {
      for (const { peer } of bench.connections)
        peer.notify('"openfsc.pump"', Buffer.from(JSON.stringify({ pump: 3, status })));
      return bench.lines();
    };
    bench.receive('primary.* SESSIONMODE passive', 'backup.* SESSIONMODE active');
    expect(push('free')).toEqual(['backup.* PUMP 3 free']);
    bench.receive('backup.* SESSIONMODE passive', 'primary.* SESSIONMODE active');
    expect(push('in-use')).toEqual(['primary.* PUMP 3 in-use']);
    bench.receive('primary.* SESSIONMODE passive', 'backup.* SESSIONMODE active');
    expect(push('free')).toEqual(['backup.* PUMP 3 free']);
  });

  test('a server without sessions gets the site once, the better one', () => {
    const bench = new SiteBench({ sites: [...pair].reverse(), usesSessions: true, canBranch: true });
    bench.receive('* CAPABILITY PLAINAUTH');
    expect([bench.branches, bench.connections.map(({ identity }) => identity)]).toEqual([[], ['primary']]);
  });
});
