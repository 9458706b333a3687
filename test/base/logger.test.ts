import { describe, expect, test } from 'vitest';
import { BridgeError } from '../../src/base/errors.ts';
import type { LogLevel } from '../../src/base/log.ts';
import { LogLevels } from '../../src/base/log-levels.ts';
import { memorySink } from '../../src/base/log-sink.ts';
import { createLogger, describeLostLines, type LogFormat } from '../../src/base/logger.ts';
import { FakeClock } from '../kit/fake-clock.ts';

const PAN = '4111111111111111';
const HIDDEN = '************1111';

/** Two connections on one log whose levels change while it runs. */
function twoConnections() {
  const sink = memorySink();
  const levels = new LogLevels('info');
  const log = createLogger({ level: levels, format: 'human', sink, clock: new FakeClock() });
  const [one, two] = ['one', 'two'].map((connection) => log.with({ connection }));
  return { levels, lines: sink.lines, log, one: one ?? log, two: two ?? log };
}

function open(format: LogFormat, level: LogLevel = 'info', timestamps = false) {
  const sink = memorySink();
  return {
    lines: sink.lines,
    log: createLogger({ level, format, sink, clock: new FakeClock(), timestamps }),
  };
}

describe('human lines', () => {
  test('begin with level and event and quote only what needs it', () => {
    const { log, lines } = open('human');
    log.info('application connected', {
      channel: 'ui',
      text: 'two words',
      empty: '',
      equal: 'a=b',
      number: 1.5,
      yes: true,
      nothing: null,
      left: undefined,
      list: [1, { a: 'x' }],
      'uptime s': 3,
    });
    expect(lines).toEqual([
      'info application connected channel=ui text="two words" empty="" equal="a=b" number=1.5 yes=true nothing=null ' +
        'list=[1,{"a":"x"}] "uptime s"=3',
    ]);
  });

  test('carry the time if wanted', () => {
    const { log, lines } = open('human', 'info', true);
    log.warn('x');
    expect(lines).toEqual(['2030-01-01T00:00:00.000Z warn x']);
  });
});

describe('levels that change', () => {
  test('of one connection show its messages alone, until that is over', () => {
    const { levels, lines, log, one, two } = twoConnections();
    levels.trace('one', true);
    for (const each of [one, two, log]) each.trace('line in');
    expect([one.enabled('trace'), two.enabled('trace')]).toEqual([true, false]);
    levels.trace('one', false);
    one.trace('line in');
    expect(lines).toEqual(['trace line in connection=one']);
  });

  test('in general count for every log that was made before', () => {
    const { levels, lines, log, two } = twoConnections();
    levels.general = 'error';
    log.warn('unheard');
    levels.general = 'debug';
    two.debug('heard');
    expect(lines).toEqual(['debug heard connection=two']);
  });
});

describe('JSON lines', () => {
  test('carry time, level, event and the fields', () => {
    const { log, lines } = open('json');
    log.error('gone', { channel: 'ui', left: undefined, list: [1] });
    expect(lines).toEqual([
      '{"time":"2030-01-01T00:00:00.000Z","level":"error","event":"gone","channel":"ui","list":[1]}',
    ]);
  });

  test('do not let a field take the place of what every line has', () => {
    const { log, lines } = open('json');
    log.info('x', { time: 1, level: 2, event: 3, ['__proto__']: 4 });
    expect(lines[0]).toBe(
      '{"time":"2030-01-01T00:00:00.000Z","level":"info","event":"x","field_time":1,"field_level":2,"field_event":3,"__proto__":4}',
    );
  });
});

describe.each(['human', 'json'] as const)('%s lines', (format) => {
  test('stay one line of harmless characters', () => {
    const { log, lines } = open(format);
    const evil = 'a\r\nerror fake\u2028\u001b[2Jm\u0085\u009b\u202e\u0000"\\';
    log.info(evil, { [evil]: evil, deep: [{ [evil]: evil }] });
    expect(lines).toHaveLength(1);
    expect(lines[0]).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
    if (format === 'json') expect(JSON.parse(lines[0] ?? '')).toMatchObject({ event: evil, [evil]: evil });
  });

  test('are masked everywhere', () => {
    const { log, lines } = open(format, 'trace');
    log.with({ api_key: 'hush', note: PAN }).trace(`read ${PAN} pin=hush`, {
      [PAN]: Number(PAN),
      text: `{"api_key":"hush","x":"4111 1111 1111 1111`,
      deep: [{ track2: 'hush' }],
      error: new Error(`ws://me:hush@host ${PAN}`),
    });
    expect(lines[0]?.replace(/\D/g, '')).not.toContain(PAN);
    expect(lines[0]).not.toContain('hush');
    expect(lines[0]).toContain(HIDDEN);
  });

  test('hold the message and code of an error, and its stack only where faults are looked for', () => {
    const fault = new BridgeError('WIRE_FAULT', 'it broke');
    for (const level of ['info', 'debug', 'trace'] as const) {
      const { log, lines } = open(format, level);
      log.error('closed', { fault });
      if (format === 'human')
        expect(lines[0]).toContain('fault="WIRE_FAULT: it broke" fault_code=WIRE_FAULT');
      else expect(lines[0]).toContain('"fault":"WIRE_FAULT: it broke","fault_code":"WIRE_FAULT"');
      expect(lines[0]?.includes('logger.test.ts')).toBe(level !== 'info');
    }
  });

  test('are cut, not dropped, when they are too long', () => {
    const { log, lines } = open(format);
    log.info('long', { text: 'x'.repeat(1_000_000) });
    log.info('long', Object.fromEntries(Array.from({ length: 100 }, (_, n) => [`f${n}`, 'y'.repeat(5000)])));
    expect(lines[0]?.length).toBeLessThan(8400);
    expect(lines[1]?.length).toBeLessThan(66_000);
    if (format === 'json') for (const line of lines) expect(JSON.parse(line).event).toBe('long');
  });

  test('do not fail on values that are no JSON', () => {
    const { log, lines } = open(format);
    const circle: { self?: unknown } = {};
    circle.self = circle;
    log.info('odd', { circle, big: 10n, symbol: Symbol('x'), bytes: new Uint8Array(3), toJSON: () => 'x' });
    expect(lines).toHaveLength(1);
  });

  test('tell of lost lines in the same form', () => {
    const line = describeLostLines({ format, clock: new FakeClock() })(7);
    expect(line).toBe(
      format === 'human'
        ? 'warn log lines lost lines=7'
        : '{"time":"2030-01-01T00:00:00.000Z","level":"warn","event":"log lines lost","lines":7}',
    );
  });
});

test('writes what is as grave as its level or graver', () => {
  const { log, lines } = open('human', 'warn');
  for (const level of ['error', 'warn', 'info', 'debug', 'trace'] as const) log[level](`a ${level}`);
  expect(lines).toEqual(['error a error', 'warn a warn']);
  expect([log.enabled('warn'), log.enabled('info')]).toEqual([true, false]);
});

test('adds the fields of `with` to every line, the later ones winning', () => {
  const { log, lines } = open('human');
  const child = log.with({ connection: 'a.1', n: 1 }).with({ n: 2 });
  child.info('x', { m: 3 });
  child.info('y', { n: 4 });
  log.info('z');
  expect(lines).toEqual(['info x connection=a.1 n=2 m=3', 'info y connection=a.1 n=4', 'info z']);
});
