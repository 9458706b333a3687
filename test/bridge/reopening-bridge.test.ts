import { describe, expect, test } from 'vitest';
import { BridgeError } from '../../src/base/errors.ts';
import { silentLogger } from '../../src/base/log.ts';
import { ReopeningBridge, type ReopeningOptions } from '../../src/bridge/reopening-bridge.ts';
import { memoryWirePair } from '../../src/wire/memory.ts';
import type { Wire } from '../../src/wire/wire.ts';
import { type BenchOptions, benchParts, pass, purchase, settle, WireRegister } from './kit.ts';

/** A line that the test plugs in and out. */
async function lineBench(more: BenchOptions & Pick<Partial<ReopeningOptions>, 'onStuck' | 'openWire'> = {}) {
  const { onStuck, openWire, ...given } = more;
  const parts = benchParts(given);
  const registers: WireRegister[] = [];
  const line = { isPlugged: true, attempts: [] as number[], signal: undefined as AbortSignal | undefined };
  const open = async (signal: AbortSignal): Promise<Wire> => {
    line.attempts.push(parts.clock.nowMs());
    line.signal = signal;
    if (!line.isPlugged) throw new BridgeError('WIRE_OPEN_FAILED', 'cannot open /dev/ttyX: not there');
    const [ours, theirs] = memoryWirePair();
    registers.push(new WireRegister(ours));
    return theirs;
  };
  const bridge = await ReopeningBridge.open(
    { ...parts.options, place: 'serial:/dev/ttyX', openWire: openWire ?? open, ...(onStuck && { onStuck }) },
    parts.context,
  );
  const end: { value?: string; fault?: unknown } = {};
  void bridge.run().then(
    (value) => {
      end.value = value;
    },
    (fault) => {
      end.fault = fault;
    },
  );
  await settle();
  return {
    ...parts,
    bridge,
    line,
    registers,
    end,
    /** The register's end of the wire that is open now. */
    get register(): WireRegister {
      const register = registers.at(-1);
      if (register === undefined) throw new Error('the line was never open');
      return register;
    },
  };
}

const lifecycle = (lines: readonly { method?: string; connection?: string }[]) =>
  lines.filter(({ method }) => method?.startsWith('_')).map(({ method, connection }) => [method, connection]);

describe('attempts that fail', () => {
  /** A line that is never there: what is logged and told of it. */
  async function absentLine(tellsEvery: boolean) {
    const lines: string[] = [];
    const say = (event: string) => lines.push(event);
    const log = { ...silentLogger, warn: say, info: say };
    const parts = benchParts({});
    const reconnects = { firstMs: 1000, limitMs: 1000, refusedMs: 1000, tellsEvery };
    const changes: unknown[] = [];
    const bridge = await ReopeningBridge.open(
      {
        ...parts.options,
        dialect: { ...parts.options.dialect, reconnects },
        place: 'tcp:far:1',
        openWire: () => Promise.reject(new BridgeError('WIRE_OPEN_FAILED', 'nobody is there')),
        placeChanged: () => changes.push(bridge.places),
      },
      { ...parts.context, log },
    );
    void bridge.run();
    await pass(parts.clock, 10_000);
    bridge.stop();
    return { lines: lines.filter((line) => line === 'the line cannot be opened'), changes };
  }

  test('are each logged where the dialect wants it, else the first', async () => {
    const told = await absentLine(true);
    expect(told.lines.length).toBe(told.changes.length);
    expect((await absentLine(false)).lines).toHaveLength(1);
  });

  test('are told with their number and the reason', async () => {
    const { changes } = await absentLine(true);
    expect(changes.length).toBeGreaterThan(5);
    for (const [index, places] of changes.entries())
      expect(places).toEqual([
        { place: 'tcp:far:1', state: 'opening', failures: index + 1, why: 'nobody is there' },
      ]);
  });
});

describe('a wire that is lost', () => {
  test('is opened again; the application stays attached and hears of both', async () => {
    const { app, clock, register, registers } = await lineBench();
    register.vanish();
    await pass(clock, 250);
    expect(registers).toHaveLength(2);
    expect(app.conversations).toHaveLength(1);
    const [first, second, third, ...rest] = lifecycle(app.lines);
    expect(rest).toEqual([]);
    expect([first?.[0], second?.[0], third?.[0]]).toEqual(['_Connected', '_Disconnected', '_Connected']);
    expect(second?.[1]).toBe(first?.[1]);
    expect(third?.[1]).not.toBe(first?.[1]);
  });

  test('takes along what was pending: a late answer reaches nobody', async () => {
    const bench = await lineBench();
    bench.register.send({ id: '1', method: 'Status', params: {} });
    await settle();
    bench.register.vanish();
    await pass(bench.clock, 250);
    bench.app.answer(bench.app.requests('Status')[0], { ready: true });
    bench.register.send({ id: '1', method: 'Status', params: {} });
    await settle();
    expect(bench.register.answerTo('1')).toBeUndefined();
    bench.app.answer(bench.app.requests('Status')[1], { ready: false });
    await settle();
    expect(bench.register.answerTo('1').result).toEqual({ ready: false });
  });

  test('leaves its transaction to be awaited, and Check on the next wire finds the outcome', async () => {
    const bench = await lineBench();
    bench.register.send(purchase('p'));
    await settle();
    bench.register.vanish();
    await pass(bench.clock, 250);
    expect(bench.app.requests('Purchase')).toHaveLength(1);
    bench.register.send(purchase('again', { receipt_id: 18 }));
    await settle();
    expect(bench.register.answerTo('again').error.data.string_code).toBe('BUSY');
    bench.app.answer(bench.app.requests('Purchase')[0], { approved: true });
    bench.register.send({ id: 'c', method: 'Check', params: { receipt_id: 17, sequence_id: '1' } });
    await settle();
    bench.app.answer(bench.app.requests('Check')[0], { approved: true });
    await settle();
    expect(bench.register.answerTo('c').result).toEqual({ approved: true });
    expect(bench.register.messages.filter(({ id }) => id === 'p')).toEqual([]);
    bench.bridge.stop();
    await pass(bench.clock, 5000);
    expect(bench.end.value).toBe('ended');
  });

  test('fifty times over leaves nothing behind', async () => {
    const bench = await lineBench();
    for (let round = 0; round < 50; round += 1) {
      bench.register.send({ id: `${round}`, method: 'Status', params: {} });
      await settle();
      bench.register.vanish();
      await pass(bench.clock, 5250);
    }
    expect(bench.registers).toHaveLength(51);
    expect(bench.app.conversations).toHaveLength(1);
    expect(bench.bridge.gauges['connections']).toBe(1);
    bench.bridge.stop();
    await pass(bench.clock, 5000);
    expect(bench.end.value).toBe('ended');
    expect(bench.clock.timerCount).toBe(0);
  });
});

describe('a wire that cannot be had', () => {
  test('is tried again after 0.1 s to 5 s, and something is done after every fifth failure in a row', async () => {
    const stuck: number[] = [];
    const bench = await lineBench({
      onStuck: async (failures) => {
        stuck.push(failures);
      },
    });
    bench.line.isPlugged = false;
    bench.line.attempts.length = 0;
    bench.register.vanish();
    await pass(bench.clock, 60_000);
    const gaps = bench.line.attempts.slice(1).map((at, index) => at - (bench.line.attempts[index] ?? 0));
    expect(gaps).toEqual([...gaps].sort((one, other) => one - other));
    expect(gaps[0]).toBeLessThanOrEqual(500);
    expect(gaps.at(-1)).toBe(5000);
    // The wire that was lost at once was the first failure.
    expect(stuck).toEqual([5, 10, 15]);
    expect(bench.line.attempts.length + 1).toBeLessThan(20);
    bench.line.isPlugged = true;
    await pass(bench.clock, 15_000);
    expect(bench.registers).toHaveLength(2);
    bench.register.vanish();
    await pass(bench.clock, 500);
    expect(bench.registers).toHaveLength(3);
  });

  test('waits for what is done about it', async () => {
    let done = () => {};
    const bench = await lineBench({
      onStuck: () =>
        new Promise((resolve) => {
          done = resolve;
        }),
    });
    bench.line.isPlugged = false;
    bench.register.vanish();
    await pass(bench.clock, 60_000);
    const attempts = bench.line.attempts.length;
    await pass(bench.clock, 60_000);
    expect(bench.line.attempts).toHaveLength(attempts);
    done();
    await pass(bench.clock, 6000);
    expect(bench.line.attempts.length).toBeGreaterThan(attempts);
  });

  test('ends everything when trying again cannot help', async () => {
    const { end } = await lineBench({
      openWire: async () => {
        throw new BridgeError('ENDPOINT_INVALID', 'no such speed');
      },
    });
    expect(end.fault).toMatchObject({ code: 'ENDPOINT_INVALID' });
  });
});

describe('stopping', () => {
  test('says goodbye on the open wire and opens no other', async () => {
    const bench = await lineBench();
    bench.bridge.stop();
    await pass(bench.clock, 5000);
    expect(bench.register.closeReason.data.string_code).toBe('CONNECTION_CLOSED');
    expect(bench.end.value).toBe('ended');
    expect(bench.registers).toHaveLength(1);
  });

  test('ends the pause between two attempts', async () => {
    const bench = await lineBench();
    bench.line.isPlugged = false;
    bench.register.vanish();
    await settle();
    bench.bridge.stop();
    await settle();
    expect(bench.end.value).toBe('ended');
    expect(bench.line.signal?.aborted).toBe(true);
  });

  test('is told to what is done about a stuck line', async () => {
    const signals: AbortSignal[] = [];
    const bench = await lineBench({
      onStuck: (_failures, signal) =>
        new Promise((resolve) => {
          signals.push(signal);
          signal.addEventListener('abort', () => resolve(), { once: true });
        }),
    });
    bench.line.isPlugged = false;
    bench.register.vanish();
    await pass(bench.clock, 60_000);
    expect(signals.map(({ aborted }) => aborted)).toEqual([false]);
    bench.bridge.stop();
    await settle();
    expect(bench.end.value).toBe('ended');
    expect(bench.clock.timerCount).toBe(0);
  });

  test('destroys a wire that was just being opened', async () => {
    let opened = (_wire: Wire) => {};
    const bench = await lineBench({
      openWire: () =>
        new Promise((resolve) => {
          opened = resolve;
        }),
    });
    bench.bridge.stop();
    const [ours, theirs] = memoryWirePair();
    const register = new WireRegister(ours);
    opened(theirs);
    await settle();
    expect(bench.end.value).toBe('ended');
    expect(register.closed).toBe(true);
    expect(register.messages).toEqual([]);
  });

  test('with a transaction whose outcome nobody knows is no clean end', async () => {
    const bench = await lineBench();
    bench.register.send(purchase('p'));
    await settle();
    bench.register.vanish();
    await pass(bench.clock, 250);
    bench.bridge.stop();
    await pass(bench.clock, 5000);
    expect(bench.end.value).toBe('unknown');
  });
});
