import { describe, expect, test } from 'vitest';
import { BridgeError } from '../../../src/base/errors.ts';
import { ReopeningBridge } from '../../../src/bridge/reopening-bridge.ts';
import type { Dialect } from '../../../src/dialect/dialect.ts';
import { memoryWirePair } from '../../../src/wire/memory.ts';
import { benchParts, pass, settle } from '../../bridge/kit.ts';
import { dialectFor, PlayedServer } from './bridge-kit.ts';
import { F1, K2, site } from './kit.ts';

/** Wires that come and go: reconnection, a second wire, a wire for each site. */

interface Platform {
  isThere: boolean;
  letsIn: boolean;
  readonly attempts: number[];
  readonly servers: PlayedServer[];
}

async function reopening(dialect: Dialect, standby?: Dialect, capabilities?: string) {
  const parts = benchParts({ timeoutMs: () => 10_000 });
  const platforms: Platform[] = [1, 2].map(() => ({
    isThere: true,
    letsIn: true,
    attempts: [],
    servers: [],
  }));
  const wireOf = (own: Dialect, index: number) => ({
    ...parts.options,
    dialect: own,
    place: `tcp:192.0.2.${index}:443`,
    openWire: async () => {
      const platform = platforms[index];
      if (platform === undefined) throw new Error('no such platform');
      platform.attempts.push(parts.clock.nowMs());
      if (!platform.isThere) throw new BridgeError('WIRE_OPEN_FAILED', 'connection refused');
      const [ours, theirs] = memoryWirePair();
      platform.servers.push(new PlayedServer(ours, platform.letsIn, capabilities));
      return theirs;
    },
  });
  const bridge = await ReopeningBridge.open(
    { ...wireOf(dialect, 0), ...(standby !== undefined && { beside: [wireOf(standby, 1)] }) },
    parts.context,
  );
  const ended = bridge.run();
  await settle();
  const [main, second] = platforms as [Platform, Platform];
  return { ...parts, bridge, ended, main, second };
}

const gaps = (attempts: readonly number[]) =>
  attempts.slice(1).map((at, index) => at - (attempts[index] ?? 0));

describe('a wire that is lost', () => {
  test('is opened again at once, then after 1, 2, 4 … 30 s, and at once after the next login', async () => {
    const { clock, main, bridge, ended } = await reopening(dialectFor());
    await pass(clock, 10_000);
    main.isThere = false;
    main.servers[0]?.vanish();
    await pass(clock, 140_000);
    expect(main.attempts[1]).toBeLessThanOrEqual(10_250);
    expect(gaps(main.attempts.slice(1)).slice(0, 7)).toEqual([
      1000, 2000, 4000, 8000, 16_000, 30_000, 30_000,
    ]);
    main.isThere = true;
    await pass(clock, 60_000);
    const { length } = main.attempts;
    main.servers.at(-1)?.vanish();
    await settle();
    await pass(clock, 250);
    expect(main.attempts).toHaveLength(length + 1);
    bridge.stop();
    await pass(clock, 5000);
    expect(await ended).toBe('ended');
  });

  test('right after its login is not opened again and again without a pause', async () => {
    const { clock, main, bridge } = await reopening(dialectFor());
    for (let round = 0; round < 20; round += 1) {
      main.servers.at(-1)?.vanish();
      await pass(clock, 250);
    }
    expect(main.attempts.length).toBeLessThanOrEqual(6);
    bridge.stop();
    await pass(clock, 5000);
  });

  test('after 401 is left alone for 5 minutes', async () => {
    const { clock, main, bridge } = await reopening(dialectFor());
    main.letsIn = false;
    main.servers[0]?.vanish();
    await pass(clock, 1000);
    main.servers[1]?.say('C0 ERR 401 no');
    await pass(clock, 290_000);
    expect(main.attempts).toHaveLength(2);
    await pass(clock, 12_500);
    expect(main.attempts).toHaveLength(3);
    bridge.stop();
    await pass(clock, 5000);
  });

  test('after 401 is opened at once when an application says openfsc.login, under the name that it knows', async () => {
    const { clock, app, main, bridge } = await reopening(dialectFor());
    main.letsIn = false;
    main.servers[0]?.vanish();
    await pass(clock, 1000);
    main.servers[1]?.say('C0 ERR 401 no');
    await pass(clock, 10_000);
    expect(main.attempts).toHaveLength(2);
    main.letsIn = true;
    const links = () => app.lines.filter(({ method }) => method === 'openfsc.link');
    const { connection } = links().at(-1);
    app.send({ connection, id: 'now', method: 'openfsc.login', params: {} });
    await pass(clock, 1000);
    expect(app.lines.find(({ id }) => id === 'now')?.result).toEqual({});
    expect([main.attempts.length, links().at(-1).params.state]).toEqual([3, 'authenticated']);
    bridge.stop();
    await pass(clock, 5000);
    expect(clock.timerCount).toBe(0);
  });

  test('because an application said openfsc.quit stays closed until it says openfsc.login', async () => {
    const { clock, app, main, bridge, ended } = await reopening(dialectFor());
    const { connection } = app.lines.find(({ method }) => method === '_Connected');
    app.send({ connection, id: 'quit', method: 'openfsc.quit', params: { reason: 'closing time' } });
    await pass(clock, 10_000);
    expect(main.servers[0]?.lines.at(-1)).toBe('* QUIT closing time');
    await pass(clock, 400_000);
    expect(main.attempts).toHaveLength(1);
    app.send({ connection, id: 'login', method: 'openfsc.login', params: {} });
    await pass(clock, 1000);
    expect(main.attempts).toHaveLength(2);
    app.send({ id: 'quit', method: 'openfsc.quit', params: {} });
    await pass(clock, 10_000);
    bridge.stop();
    await pass(clock, 5000);
    expect(await ended).toBe('ended');
    expect(clock.timerCount).toBe(0);
  });

  test('leaves the applications attached', async () => {
    const { clock, app, main, bridge } = await reopening(dialectFor());
    await pass(clock, 2000);
    main.servers[0]?.vanish();
    await pass(clock, 500);
    expect(app.conversations).toHaveLength(1);
    const names = app.lines
      .filter(({ method }) => method === '_Connected')
      .map(({ connection }) => connection);
    expect(new Set(names).size).toBe(2);
    expect(names.every((name: string) => name.startsWith('s1.'))).toBe(true);
    bridge.stop();
    await pass(clock, 5000);
  });
});

describe('a second wire', () => {
  const ranked = (rank: number) => dialectFor().ranked?.(rank) as Dialect;

  test('carries every site with the next priority, and takes over', async () => {
    const { clock, app, main, second, bridge } = await reopening(ranked(1), ranked(2));
    await settle();
    expect(main.servers[0]?.lines).toContain('C0 NEWSESSION s1 1');
    expect(second.servers[0]?.lines).toContain('C0 NEWSESSION s1 2');
    main.servers[0]?.say(`s1.S1 CLEAR 3 c71b ${F1} pace`);
    await settle();
    main.isThere = false;
    main.servers[0]?.vanish();
    second.servers[0]?.say('s1.* SESSIONMODE active', `s1.S2 CLEAR 3 c71b ${F1} pace`);
    await settle();
    const requests = app.requests('openfsc.clear');
    expect(new Set(requests.map(({ connection }) => connection)).size).toBe(2);
    app.answer(requests.at(-1), {});
    await settle();
    expect(second.servers[0]?.answerTo('s1.S2')).toBe('s1.S2 OK');
    bridge.stop();
    await pass(clock, 5000);
  });

  test('ranks all sessions of a site behind those of the first wire', async () => {
    const pair = [site({ name: 'primary', priority: 1 }), site({ name: 'backup', priority: 2 })];
    const wire = (rank: number) => dialectFor(pair, true).ranked?.(rank) as Dialect;
    const { clock, main, second, bridge } = await reopening(wire(1), wire(2));
    const asked = ({ servers }: Platform) =>
      servers[0]?.lines.filter((line) => / NEWSESSION /.test(line) && !line.startsWith('*'));
    expect(asked(main)).toEqual(['C0 NEWSESSION primary 1', 'C1 NEWSESSION backup 2']);
    expect(asked(second)).toEqual(['C0 NEWSESSION primary 3', 'C1 NEWSESSION backup 4']);
    bridge.stop();
    await pass(clock, 5000);
  });

  test('in a storm of losses on both the site is back as soon as the storm is over', async () => {
    const { clock, main, second, bridge } = await reopening(ranked(1), ranked(2));
    for (let round = 0; round < 30; round += 1) {
      const platform = round % 3 === 0 ? second : main;
      platform.servers.at(-1)?.vanish();
      if (round % 5 === 0) platform.isThere = !platform.isThere;
      await pass(clock, 750);
    }
    for (const platform of [main, second]) platform.isThere = true;
    await pass(clock, 31_000);
    for (const { servers } of [main, second]) {
      expect(servers.at(-1)?.closed).toBe(false);
      expect(servers.at(-1)?.lines.some((line) => line.includes('s1.C0 PLAINAUTH '))).toBe(true);
    }
    bridge.stop();
    await pass(clock, 5000);
    for (const { servers } of [main, second]) expect(servers.every(({ closed }) => closed)).toBe(true);
    expect(clock.timerCount).toBe(0);
  });
});

test('with a server that has no sessions every site gets a wire of its own, which comes back like the first', async () => {
  const sites = [site(), site({ name: 's2', siteAccessKey: K2 })];
  const { clock, app, main, bridge } = await reopening(
    dialectFor(sites, true),
    undefined,
    '* CAPABILITY PLAINAUTH',
  );
  expect(main.servers).toHaveLength(2);
  const keys = () =>
    main.servers.map(
      ({ lines }) =>
        lines.find((line) => line.includes(' PLAINAUTH ') && !line.startsWith('*'))?.split(' ')[2],
    );
  expect(keys()).toEqual(sites.map(({ siteAccessKey }) => siteAccessKey));
  main.servers[1]?.say('S1 PUMPS');
  await settle();
  const [request] = app.requests('openfsc.pumps');
  expect([request.connection.split('.')[0], request.params.siteAccessKey]).toEqual(['s2', K2]);
  await pass(clock, 2000);
  for (const server of main.servers) server.vanish();
  await pass(clock, 500);
  expect(keys().slice(2).sort()).toEqual(keys().slice(0, 2).sort());
  bridge.stop();
  await pass(clock, 5000);
  expect(clock.timerCount).toBe(0);
});
