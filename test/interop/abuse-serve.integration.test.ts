import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { frameOf, type RegisterMessage, TestRegister } from '../kit/register.ts';
import { MEMORY_LIMIT_BYTES } from './abuse-kit.ts';
import { exitedWith, freePort, type Running, Workbench } from './kit.ts';

/** `posbridge serve`: many registers in one process, none of them the others' business. */

let bench: Workbench;
beforeEach(async () => {
  bench = await Workbench.open();
});
afterEach(() => bench.close());

const PURCHASE = { receipt_id: 'R-1', sequence_id: 1, amount: 1230, currency: 'EUR' };

describe('a UNIX socket', () => {
  const path = () => bench.path('wire.sock');
  const serve = (query = '') => bench.startServe(['--app', 'null:', '--listen', `unix:${path()}${query}`]);

  test('has the mode that was asked for and is removed at the end', async () => {
    for (const mode of ['0600', '0660', '0666']) {
      const { server } = await serve(`?mode=${mode}`);
      expect((statSync(path()).mode & 0o777).toString(8)).toBe(mode.slice(1));
      server.signal('SIGTERM');
      expect(await server.exited).toEqual(exitedWith(0));
      expect(existsSync(path())).toBe(false);
    }
  });

  test('that a dead process left is replaced', async () => {
    const { server: first } = await serve();
    await first.kill();
    expect(existsSync(path())).toBe(true);
    const { server: second } = await serve();
    const register = await bench.register({ path: path() });
    expect((await register.request('_Keepalive')).result).toEqual({});
    second.signal('SIGTERM');
    expect(await second.exited).toEqual(exitedWith(0));
  });

  test('of a process that lives is refused with 111, and that one lives on', async () => {
    const { server: first } = await serve();
    const second = bench.startBridge(['serve', '--app', 'null:', '--listen', `unix:${path()}`]);
    expect(await second.exited).toEqual(exitedWith(111));
    expect(second.errors).toMatch(/^posbridge: .*wire\.sock/m);
    expect(second.errors).not.toMatch(/^\s+at /m);
    const register = await bench.register({ path: path() });
    expect((await register.request('_Keepalive')).result).toEqual({});
    expect(first.isRunning).toBe(true);
  });

  test('is not put in the place of a file that is none', async () => {
    writeFileSync(path(), 'precious');
    const server = bench.startBridge(['serve', '--app', 'null:', '--listen', `unix:${path()}`]);
    expect(await server.exited).toEqual(exitedWith(111));
    expect(statSync(path()).size).toBe('precious'.length);
  });

  test('of several processes that start at once on a dead one, exactly one gets it', async () => {
    for (let round = 0; round < 3; round += 1) {
      const { server: dead } = await serve();
      await dead.kill();
      const args = ['serve', '--app', 'null:', '--listen', `unix:${path()}`];
      const starters = Array.from({ length: 5 }, () => bench.startBridge(args));
      const listens = await Promise.all(
        starters.map((one) =>
          one.says('listening on').then(
            () => true,
            () => false,
          ),
        ),
      );
      const winners = starters.filter((_, index) => listens[index]);
      expect(winners).toHaveLength(1);
      for (const one of starters) {
        if (!winners.includes(one)) expect(await one.exited).toEqual(exitedWith(111));
      }
      const register = await bench.register({ path: path() });
      expect((await register.request('_Keepalive')).result).toEqual({});
      register.destroy();
      await winners[0]?.kill();
    }
  });

  test('may be abstract', async () => {
    const name = `posbridge-test-${process.pid}`;
    const { server } = await bench.startServe(['--app', 'null:', '--listen', `unix:@${name}`]);
    const register = await bench.register({ path: `\0${name}` });
    expect((await register.request('_Keepalive')).result).toEqual({});
    server.signal('SIGTERM');
    expect(await server.exited).toEqual(exitedWith(0));
  });
});

test('a TCP port that is taken is 111', async () => {
  const port = await freePort();
  const listen = ['--listen', `tcp:127.0.0.1:${port}`];
  await bench.startServe(['--app', 'null:', ...listen]);
  const second = bench.startBridge(['serve', '--app', 'null:', ...listen]);
  expect(await second.exited).toEqual(exitedWith(111));
  expect(second.errors).toMatch(new RegExp(`^posbridge: .*${port}`, 'm'));
});

test('whoever comes while the folder of the journal is gone is told so; with the folder back he is served', async () => {
  const journal = bench.path('journal');
  const listen = ['serve', '--listen', `unix:${bench.path('wire.sock')}`];
  const server = bench.start('posbridge', [...listen, '--app', 'null:', '--journal', journal]);
  await server.says('listening on');
  const place = { path: bench.path('wire.sock') };
  const first = await bench.register(place);
  expect((await first.request('_Keepalive')).result).toEqual({});
  renameSync(journal, `${journal}.away`);
  const second = await bench.register(place);
  await second.closed;
  expect(second.received.map(({ method }) => method)).toEqual(['_CloseReason']);
  expect(second.closeReason?.data.string_code).toBe('JOURNAL_UNAVAILABLE');
  const [line] = await server.says(/^.*a connection cannot be served.*$/m);
  expect(line).toContain(`the folder of the journal ${journal} is gone`);
  expect(line).toContain('put it back where it was');
  expect(line).not.toContain('--lock');
  expect((await first.request('_Keepalive')).result).toEqual({});
  renameSync(`${journal}.away`, journal);
  const third = await bench.register(place);
  expect((await third.request('_Keepalive')).result).toEqual({});
});

test('whoever comes while another folder stands where the journal was is told so: it knows nothing of earlier sales', async () => {
  const journal = bench.path('journal');
  const wire = bench.path('wire.sock');
  const listen = ['serve', '--listen', `unix:${wire}`, '--app', 'simulator:', '--lock', 'none'];
  const server = bench.start('posbridge', [...listen, '--journal', journal]);
  await server.says('listening on');
  const sale = { receipt_id: 17, sequence_id: 1, amount: 1230, currency: 'EUR' };
  const first = await bench.register({ path: wire });
  expect((await first.request('Purchase', sale)).result).toMatchObject({ amount: 1230 });
  renameSync(journal, `${journal}.away`);
  mkdirSync(journal, 0o700);
  const second = await bench.register({ path: wire });
  await second.closed;
  expect(second.closeReason?.data.string_code).toBe('JOURNAL_UNAVAILABLE');
  const [line] = await server.says(/^.*a connection cannot be served.*$/m);
  expect(line).toContain(`something else is now where the journal ${journal} was: put the old folder back`);
  const { receipt_id, sequence_id } = sale;
  expect((await first.request('Check', { receipt_id, sequence_id })).error?.data.string_code).toBe(
    'OUTCOME_UNKNOWN',
  );
  await first.request('Purchase', { ...sale, receipt_id: 18 }).catch(() => {});
  expect(first.closeReason?.data.string_code).toBe('OUTCOME_UNKNOWN');
  expect(readdirSync(journal).filter((name) => name.endsWith('.entry'))).toEqual([]);
  rmSync(journal, { recursive: true });
  renameSync(`${journal}.away`, journal);
  const third = await bench.register({ path: wire });
  expect((await third.request('Check', { receipt_id, sequence_id })).result).toMatchObject({ amount: 1230 });
});

test('more connections than allowed are told BUSY, and closed; when one leaves there is room again', async () => {
  const { server, port } = await bench.startServe(['--app', 'null:', '--max-connections', '2']);
  const [one, two] = [await bench.register(port), await bench.register(port)];
  for (const register of [one, two]) expect((await register.request('_Keepalive')).result).toEqual({});
  const three = await bench.register(port);
  await three.closed;
  expect(three.received.map(({ method }) => method)).toEqual(['_CloseReason']);
  expect(three.closeReason?.data.string_code).toBe('BUSY');
  for (const register of [one, two]) expect((await register.request('_Keepalive')).result).toEqual({});
  one.end();
  await one.closed;
  // Its place is free as soon as the bridge has put everything away: shortly, not at once.
  let answer: unknown;
  while (answer === undefined) {
    const next = await bench.register(port);
    answer = await next.request('_Keepalive').catch(() => undefined);
  }
  expect(answer).toMatchObject({ result: {} });
  expect((await two.request('_Keepalive')).result).toEqual({});
  expect(server.errors).toMatch(/refused/);
});

test('an address with as many connections as it may have is told BUSY, and another address is served', async () => {
  const { server, port } = await bench.startServe(['--app', 'null:', '--max-per-peer', '2']);
  const hoard = [await bench.register(port), await bench.register(port)];
  for (const register of hoard) expect((await register.request('_Keepalive')).result).toEqual({});
  const third = await bench.register(port);
  await third.closed;
  expect(third.closeReason?.data.string_code).toBe('BUSY');
  const other = connect({ host: '127.0.0.1', port, localAddress: '127.0.0.2' });
  other.write(frameOf({ jsonrpc: '2.0', id: '1', method: '_Keepalive', params: {} }));
  const answer = await new Promise((resolve) => other.once('data', (bytes) => resolve(String(bytes))));
  other.destroy();
  expect(answer).toContain('"result"');
  await server.says(/a connection was refused.*from this address/);
});

describe('one connection does not disturb another', () => {
  const FILLING = 'y'.repeat(2000);
  let server: Running;
  let port: number;

  async function start(args: readonly string[]): Promise<void> {
    ({ server, port } = await bench.startServe(args));
  }

  beforeEach(async () => {
    await bench.application(({ method, params }) => {
      if (method === 'Hold') return undefined;
      return { result: method === 'Purchase' ? { approved: true } : { n: params?.['n'] ?? 0, FILLING } };
    });
  });

  /** Everything that a register wants, in the middle of whatever goes on. */
  async function expectServed(register: TestRegister, sequence: number): Promise<void> {
    for (let round = 0; round < 20; round += 1) {
      expect((await register.request('_Keepalive')).result).toEqual({});
      expect((await register.request('Status', { n: round })).result).toMatchObject({ n: round });
    }
    const purchase = await register.request('Purchase', { ...PURCHASE, sequence_id: sequence });
    expect(purchase.result).toEqual({ approved: true });
    expect(register.faults).toEqual([]);
    expect(register.isClosed).toBe(false);
  }

  /** Each request has one answer, its own, or BUSY. */
  async function expectAllAnswered(
    register: TestRegister,
    answers: Promise<RegisterMessage>[],
  ): Promise<void> {
    for (const [n, { result, error }] of (await Promise.all(answers)).entries()) {
      if (error === undefined) expect(result).toMatchObject({ n });
      else expect(error.data.string_code).toBe('BUSY');
    }
    expect(register.unexpected).toEqual([]);
    expect(register.faults).toEqual([]);
  }

  test('not by breaking its protocol', async () => {
    await start(['--app', `unix:${bench.socketPath}`]);
    const well = await bench.register(port);
    for (const [index, bytes] of ['GET / HTTP/1.1\r\n\r\n', '00000002:[]\n', '0003fff7:', '\xff'].entries()) {
      const broken = await bench.register(port);
      broken.write(bytes);
      await broken.closed;
      expect(broken.closeReason?.data.string_code).toBe('JSONRPC_PARSE_ERROR');
      await expectServed(well, index);
    }
    expect(server.isRunning).toBe(true);
  });

  test('not by flooding, by stalling in a frame, by reading nothing, by leaving in the middle', async () => {
    // Without keepalives of its own, whose answers would get into the frame that stalls.
    await start(['--app', `unix:${bench.socketPath}`, '--keepalive', 'off']);
    const well = await bench.register(port);
    const stalled = await bench.register(port);
    stalled.write('00000100:{"jsonrpc":');
    const deaf = await bench.register(port);
    deaf.pause();
    const flood = await bench.register(port);
    const deafAnswers: Promise<RegisterMessage>[] = [];
    const floodAnswers: Promise<RegisterMessage>[] = [];
    for (let n = 0; n < 5000; n += 1) {
      deafAnswers.push(deaf.request('Status', { n }));
      floodAnswers.push(flood.request('Status', { n }));
      flood.notify('Note', { FILLING });
      if (n % 500 === 0) {
        const leaver = await bench.register(port);
        void leaver.request('Hold', { n });
        void leaver.request('Status', { n });
        leaver.write('00000100:{');
        leaver.destroy();
        await expectServed(well, n);
      }
    }
    await expectServed(well, 10_000);
    await expectAllAnswered(flood, floodAnswers);
    expect((await flood.request('_Keepalive')).result).toEqual({});
    expect(server.memory().peakBytes).toBeLessThan(MEMORY_LIMIT_BYTES);
    // What stalls is neither closed nor forgotten: the rest of its frame is as welcome as before.
    const text = '{"jsonrpc":"2.0","id":"s","method":"Status","params":{"n":7}}';
    stalled.write(`${text.slice('{"jsonrpc":'.length)}${' '.repeat(256 - text.length)}\n`);
    expect((await stalled.waitFor(({ id }) => id === 's')).result).toMatchObject({ n: 7 });
    deaf.resume();
    await expectAllAnswered(deaf, deafAnswers);
  });

  test('not by a shared application whose answers it does not read', async () => {
    ({ server, port } = await bench.startServe(['--app', 'fd:3'], {
      stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
    }));
    const large = 'z'.repeat(200_000);
    const shared = bench.applicationOver(server.end(3), ({ method, params }) => ({
      result:
        method === 'Purchase'
          ? { approved: true }
          : { n: params?.['n'] ?? 0, ...(params?.['large'] === true && { large }) },
    }));
    const well = await bench.register(port);
    await expectServed(well, 0);
    const deaf = await bench.register(port);
    deaf.pause();
    for (let n = 0; n < 200; n += 1) void deaf.request('Status', { n, large: true });
    // The application cannot be held back for one of two, so the deaf one is given up before its answers fill the
    // memory.
    const gone = await shared.waitFor('_Disconnected', 45_000);
    expect(gone.message?.params).toMatchObject({ reason: 'WIRE_WRITE_TIMEOUT' });
    await expectServed(well, 1);
    expect(server.memory().peakBytes).toBeLessThan(MEMORY_LIMIT_BYTES);
  });

  test('not by its own application that stands still', async () => {
    await start(['--app', `unix:${bench.path('{peer}.sock')}`]);
    const places = [1, 2].map((n) => bench.path(`127.0.0.${n}.sock`));
    const answering = await bench.application(() => ({ result: { n: 0 } }), { path: places[0] as string });
    const still = await bench.application(undefined, { path: places[1] as string });
    const one = await bench.register(port);
    expect((await one.request('Status')).result).toEqual({ n: 0 });
    const socket = bench.keep(connect({ port, host: '127.0.0.1', localAddress: '127.0.0.2' }));
    const two = TestRegister.on(socket);
    await still.waitFor('_Connected');
    still.pause();
    const refused = Array.from({ length: 3000 }, (_, n) => two.request('Print', { n, FILLING }));
    await two.waitFor(({ error }) => error?.data.string_code === 'BUSY');
    for (let n = 0; n < 50; n += 1) {
      expect((await one.request('Status')).result).toEqual({ n: 0 });
      expect((await two.request('_Keepalive')).result).toEqual({});
    }
    expect(answering.requests('Print')).toEqual([]);
    void refused;
  });
});

describe('SIGTERM', () => {
  test('ends every connection with _CloseReason, answers what is open and what comes, exits with 0', async () => {
    const application = await bench.application(({ method }) =>
      method === 'Hold' ? undefined : { result: {} },
    );
    const { server, port } = await bench.startServe(['--app', `unix:${bench.socketPath}`]);
    const registers = await Promise.all(Array.from({ length: 10 }, () => bench.register(port)));
    for (const register of registers) await register.request('Status');
    const [held, , inFrame] = registers as [TestRegister, TestRegister, TestRegister];
    const open = held.request('Hold', {}, { id: 'held' });
    await application.waitFor('Hold');
    inFrame.write('00000100:{"jsonrpc":');
    server.signal('SIGTERM');
    await server.says('stopping');
    const late = held.request('Status');
    expect((await late).error?.data.string_code).toBe('CHANNEL_UNAVAILABLE');
    expect((await held.request('_Keepalive')).result).toEqual({});
    expect((await open).error?.data.string_code).toBe('CHANNEL_UNAVAILABLE');
    for (const register of registers) {
      await register.closed;
      expect(register.closeReason?.data.string_code).toBe('CONNECTION_CLOSED');
      expect(register.received.at(-1)?.method).toBe('_CloseReason');
      expect(register.faults).toEqual([]);
      register.end();
    }
    expect(await server.exited).toEqual(exitedWith(0));
    expect(application.lines.filter(({ message }) => message?.method === '_Disconnected')).toHaveLength(10);
    await expect(bench.connect(port)).rejects.toThrow(/ECONNREFUSED/);
  });

  test('leaves an open purchase without an answer: OUTCOME_UNKNOWN and 111, for its connection alone', async () => {
    const application = await bench.application();
    const { server, port } = await bench.startServe(['--app', `unix:${bench.socketPath}`]);
    const [buying, idle] = [await bench.register(port), await bench.register(port)];
    expect((await idle.request('_Keepalive')).result).toEqual({});
    const purchase = buying.request('Purchase', PURCHASE);
    await application.waitFor('Purchase');
    server.signal('SIGTERM');
    await expect(purchase).rejects.toThrow();
    expect(buying.closeReason?.data.string_code).toBe('OUTCOME_UNKNOWN');
    await idle.closed;
    expect(idle.closeReason?.data.string_code).toBe('CONNECTION_CLOSED');
    buying.end();
    idle.end();
    expect(await server.exited).toEqual(exitedWith(111));
  });

  test('does not wait for those who never go', async () => {
    await bench.application();
    const { server, port } = await bench.startServe(['--app', `unix:${bench.socketPath}`]);
    const registers = [await bench.register(port), await bench.register(port)];
    for (const register of registers) {
      await register.request('_Keepalive');
      void register.request('Hold');
      register.pause(); // reads nothing, ends nothing
    }
    const stubborn = await bench.connect(port);
    stubborn.write(frameOf({ jsonrpc: '2.0', id: 'a', method: '_Keepalive', params: {} }));
    server.signal('SIGTERM');
    expect(await server.exited).toEqual(exitedWith(0));
  });
});
