import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Logger, silentLogger } from '../../src/base/log.ts';
import { memorySink } from '../../src/base/log-sink.ts';
import { createLogger } from '../../src/base/logger.ts';
import { Statistics } from '../../src/base/statistics.ts';
import { lineStart } from '../../src/channel/application-line.ts';
import { StreamAttachment } from '../../src/channel/attachment.ts';
import type { AttachmentUser, OutgoingLine, QueuedLine } from '../../src/channel/channel.ts';
import { Presence } from '../../src/channel/presence.ts';
import type { Message } from '../../src/rpc/message.ts';
import { memoryWirePair } from '../../src/wire/memory.ts';
import type { Wire } from '../../src/wire/wire.ts';
import { FakeClock } from '../kit/fake-clock.ts';

async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** An attachment whose application is the other end of memory wires, there or not as the test wants. */
function attach(options: { reopens?: boolean; sink?: ReturnType<typeof memorySink> } = {}) {
  const clock = new FakeClock();
  const statistics = new Statistics();
  const state = { isThere: true, attempts: 0, text: '', isPaused: false };
  let far: Wire | undefined;
  const attachment = new StreamAttachment({
    text: 'memory:',
    canRead: true,
    canWrite: true,
    reopens: options.reopens ?? true,
    clock,
    log:
      options.sink === undefined
        ? silentLogger
        : createLogger({ format: 'human', clock, level: 'info', sink: options.sink }),
    statistics,
    random: () => 0,
    presence: new Presence(),
    open: async () => {
      state.attempts += 1;
      if (!state.isThere) throw new Error('nobody');
      const [ours, theirs] = memoryWirePair();
      far = theirs;
      theirs.start({
        chunk: (bytes) => {
          state.text += bytes.toString();
        },
        end: () => {},
        closed: () => {},
      });
      if (state.isPaused) theirs.pause();
      return ours;
    },
  });
  return {
    attachment,
    clock,
    statistics,
    state,
    application: {
      say: (text: string) => far?.write(Buffer.from(text), () => {}),
      die: () => far?.destroy(),
      pause: () => far?.pause(),
      resume: () => far?.resume(),
    },
  };
}

class User implements AttachmentUser {
  readonly connection: string;
  readonly lineStart: string;
  readonly log: Logger;
  readonly events: string[] = [];
  readonly messages: Message[] = [];

  readonly identity: string | undefined;

  channelOf() {
    return 'payment' as const;
  }

  constructor(connection: string, identity?: string, log: Logger = silentLogger) {
    this.log = log.with({ connection });
    this.identity = identity;
    this.connection = connection;
    this.lineStart = lineStart(connection);
  }

  greeting(): Buffer[] {
    return [Buffer.from(`hello ${this.connection}\n`)];
  }

  misheard(): void {
    this.events.push('misheard');
  }

  applicationThere(): void {
    this.events.push('there');
  }

  applicationGone(): void {
    this.events.push('gone');
  }

  applicationSays(message: Message): void {
    this.messages.push({ ...message });
  }
}

/** A line that writes down what becomes of it. */
function line(text: string, fates: string[], kind: OutgoingLine['kind'] = 'request'): OutgoingLine {
  return {
    bytes: Buffer.from(`${text}\n`),
    kind,
    fate: {
      handedOver: () => fates.push(`${text} handed over`),
      refused: (why) => fates.push(`${text} ${why}`),
    },
  };
}

describe('an application that is there', () => {
  test('is greeted first, whatever waited', async () => {
    const { attachment, state } = attach();
    const user = new User('a');
    const fates: string[] = [];
    attachment.attach(user);
    attachment.send(user, line('one', fates));
    attachment.send(user, line('two', fates, 'notification'));
    await settle();
    expect(state.text).toBe('hello a\none\ntwo\n');
    expect(fates).toEqual(['one handed over', 'two handed over']);
    expect(user.events).toEqual(['there']);
  });

  test('that comes and goes is one line of the log each, not one an attempt', async () => {
    const sink = memorySink();
    const { attachment, application, state, clock } = attach({ sink });
    attachment.attach(new User('a'));
    await settle();
    state.isThere = false;
    application.die();
    for (let ms = 0; ms < 60_000; ms += 500) {
      clock.advance(500);
      await settle();
    }
    expect(state.attempts).toBeGreaterThan(10);
    state.isThere = true;
    clock.advance(6000);
    await settle();
    const lines = sink.lines.filter((line) => line.startsWith('warn'));
    expect(lines).toEqual([
      expect.stringMatching(/^warn application gone endpoint=memory: /),
      expect.stringMatching(/^warn the application is back endpoint=memory:/),
    ]);
  });

  test('says every line both ways to the log of its connection, the greeting included', async () => {
    const sink = memorySink();
    const { attachment, application, clock } = attach({ sink });
    const log = createLogger({ format: 'human', clock, level: 'trace', sink });
    const user = new User('a', undefined, log);
    attachment.attach(user);
    attachment.attach(new User('b'));
    attachment.send(user, line('one', []));
    await settle();
    const hello = (connection: string) => `{"jsonrpc":"2.0","connection":"${connection}","method":"Hello"}\n`;
    application.say(hello('a') + hello('b'));
    await settle();
    expect(sink.lines.filter((text) => text.startsWith('trace'))).toEqual([
      'trace line out connection=a endpoint=memory: text="hello a"',
      'trace line out connection=a endpoint=memory: text=one',
      expect.stringMatching(/^trace line in connection=a endpoint=memory: text=.*Hello/),
    ]);
  });

  test('a second user is greeted when it comes', async () => {
    const { attachment, state } = attach();
    attachment.attach(new User('a'));
    await settle();
    attachment.attach(new User('b'));
    await settle();
    expect(state.text).toBe('hello a\nhello b\n');
  });

  test('lines go to the connection that they name, or to the only one', async () => {
    const { attachment, application, state } = attach();
    const [a, b] = [new User('a'), new User('b')];
    attachment.attach(a);
    await settle();
    application.say('{"jsonrpc":"2.0","method":"One"}\n');
    await settle();
    attachment.attach(b);
    application.say(
      '{"connection":"b","jsonrpc":"2.0","method":"Two","params":{}}\n{"jsonrpc":"2.0","id":5,"method":"Three"}\n',
    );
    await settle();
    expect(a.messages).toMatchObject([{ method: 'One' }]);
    expect(b.messages).toMatchObject([{ method: 'Two' }]);
    const complaint = JSON.parse(state.text.trim().split('\n').at(-1) ?? '');
    expect(complaint).toMatchObject({ id: 5, error: { data: { string_code: 'JSONRPC_INVALID_REQUEST' } } });
  });

  test('lines may name whom they are for instead of a connection: the newest one with that identity gets them', async () => {
    const { attachment, application } = attach();
    const users = ['CP-1', 'CP-1', 'CP-2'].map((identity, n) => new User(`c${n}`, identity));
    for (const user of users) attachment.attach(user);
    await settle();
    application.say('{"identity":"CP-1","jsonrpc":"2.0","method":"One"}\n');
    await settle();
    application.say('{"identity":"CP-2","jsonrpc":"2.0","method":"Two"}\n');
    await settle();
    application.say('{"identity":"CP-3","jsonrpc":"2.0","method":"Three"}\n');
    await settle();
    const methods = users.map(({ messages }) =>
      messages.map((message) => 'method' in message && message.method),
    );
    expect(methods).toEqual([[], ['One'], ['Two']]);
  });

  test.each([
    ['a batch', '[{"jsonrpc":"2.0","id":"1","result":{}}]', true],
    ['a line of a log', 'ready', true],
    ['an answer that names nobody', '{"jsonrpc":"2.0","id":"1","result":{}}', true],
    ['an answer for somebody who is gone', '{"connection":"z","jsonrpc":"2.0","id":"1","result":{}}', true],
    ['an error without an id', '{"jsonrpc":"2.0","id":null,"error":{"code":1,"message":"eh?"}}', true],
    ['half an answer', '{"jsonrpc":"2.0","id":"1","result":{', true],
    ['a method and a result in one', '{"jsonrpc":"2.0","id":"1","method":"M","result":{}}', true],
    ['a request that is refused', '{"jsonrpc":"2.0","id":1,"method":"M","params":[1]}', false],
    ['a request for somebody who is gone', '{"connection":"z","jsonrpc":"2.0","id":"1","method":"M"}', false],
  ])('%s may have been an answer to any of its connections, or not: %s', async (_, line, isAnswer) => {
    const { attachment, application } = attach();
    const users = [new User('a'), new User('b')];
    for (const user of users) attachment.attach(user);
    await settle();
    application.say(`${line}\n`);
    await settle();
    for (const { events } of users) expect(events.includes('misheard')).toBe(isAnswer);
  });

  test('a request for a connection that is gone is CONNECTION_CLOSED, an error without an id is let be', async () => {
    const { attachment, application, state } = attach();
    attachment.attach(new User('a'));
    await settle();
    application.say('{"connection":"z","jsonrpc":"2.0","id":"1","method":"X"}\n');
    await settle();
    application.say('{"jsonrpc":"2.0","id":null,"error":{"code":1,"message":"eh?"}}\n');
    await settle();
    const lines = state.text.trim().split('\n').slice(1);
    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines[0] ?? '').error.data.string_code).toBe('CONNECTION_CLOSED');
  });
});

describe('an application that does not read', () => {
  const big = 'x'.repeat(64 * 1024);

  test('4 MiB wait for it; then requests are BUSY and notifications are dropped whole and reported', async () => {
    const { attachment, application, state, statistics } = attach();
    const user = new User('a');
    attachment.attach(user);
    await settle();
    application.pause();
    const fates: string[] = [];
    for (let n = 0; n < 80; n += 1) attachment.send(user, line(big, fates));
    attachment.send(user, line('note', fates, 'notification'));
    attachment.send(user, line('note', fates, 'notification'));
    await settle();
    expect(attachment.queuedBytes).toBeLessThanOrEqual(4 * 1024 * 1024);
    expect(fates.filter((fate) => fate.endsWith('BUSY')).length).toBeGreaterThanOrEqual(10);
    expect(statistics.snapshot()['dropped notifications']).toBeUndefined(); // short ones still fit
    for (let n = 0; n < 3; n += 1) attachment.send(user, line(big, fates, 'notification'));
    expect(statistics.snapshot()['dropped notifications']).toBe(3);
    application.resume();
    while (attachment.queuedBytes > 0) await settle();
    const lines = state.text.trim().split('\n');
    const report = lines.find((text) => text.includes('_Dropped'));
    expect(JSON.parse(report ?? '{}').params).toEqual({ count: 3 });
    expect(lines.filter((text) => text === big).length).toBe(
      fates.filter((fate) => fate.endsWith('handed over')).length - 2,
    );
  });

  test('what waits can be withdrawn, and makes room', async () => {
    const { attachment, application, state } = attach();
    const user = new User('a');
    attachment.attach(user);
    await settle();
    application.pause();
    const fates: string[] = [];
    const queued = Array.from({ length: 60 }, () => attachment.send(user, line(big, fates)));
    await settle();
    const before = attachment.queuedBytes;
    expect(queued.at(-1)?.withdraw()).toBe(true);
    expect(queued.at(-1)?.withdraw()).toBe(false);
    expect(queued[0]?.withdraw()).toBe(false);
    expect(attachment.queuedBytes).toBeLessThan(before);
    for (const one of queued) one.withdraw();
    application.resume();
    await settle();
    expect(attachment.queuedBytes).toBe(0);
    expect(state.text.split('\n').length).toBeLessThan(10);
  });
});

describe('what is written', () => {
  test('is each line that was not withdrawn, whole and in order, whatever was withdrawn and whenever it is read', async () => {
    const step = fc.record({
      bytes: fc.oneof(fc.nat(200), fc.nat(3000), fc.nat(100_000)),
      /** Of the lines so far, counted from the newest. */
      withdraw: fc.array(fc.nat(30), { maxLength: 4 }),
      next: fc.constantFrom('go on', 'pause', 'resume', 'settle'),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 120 }), async (steps) => {
        const { attachment, application, state } = attach();
        const user = new User('a');
        attachment.attach(user);
        await settle();
        state.text = '';
        const fates: string[] = [];
        const queued: QueuedLine[] = [];
        const withdrawn = new Set<number>();
        for (const [index, { bytes, withdraw, next }] of steps.entries()) {
          queued.push(attachment.send(user, line(`${index}:${'x'.repeat(bytes)}`, fates)));
          for (const back of withdraw) {
            const at = queued.length - 1 - back;
            if (queued[at]?.withdraw()) withdrawn.add(at);
          }
          if (next === 'pause') application.pause();
          if (next === 'resume') application.resume();
          if (next === 'settle') await settle();
        }
        application.resume();
        while (attachment.queuedBytes > 0) await settle();
        await settle();
        const busy = fates.filter((fate) => fate.endsWith(' BUSY')).map((fate) => Number.parseInt(fate, 10));
        const expected = steps.flatMap(({ bytes }, index) =>
          withdrawn.has(index) || busy.includes(index) ? [] : [`${index}:${'x'.repeat(bytes)}`],
        );
        const lines = state.text.split('\n').slice(0, -1);
        expect(lines.map((text) => [text.length, text.slice(0, 8)])).toEqual(
          expected.map((text) => [text.length, text.slice(0, 8)]),
        );
        const handedOver = fates.filter((fate) => fate.endsWith(' handed over'));
        expect(handedOver.map((fate) => Number.parseInt(fate, 10))).toEqual(
          expected.map((text) => Number.parseInt(text, 10)),
        );
      }),
      { numRuns: 30 },
    );
  });

  test('is what is left when nearly all that waited was withdrawn', async () => {
    const { attachment, application, state } = attach();
    const user = new User('a');
    attachment.attach(user);
    await settle();
    application.pause();
    attachment.send(user, line('under way', []));
    await settle();
    const kept: string[] = [];
    for (let n = 0; n < 2000; n += 1) {
      const text = `${n} ${'x'.repeat(1000)}`;
      const queued = attachment.send(user, line(text, []));
      if (n % 100 === 0) kept.push(text);
      else expect(queued.withdraw()).toBe(true);
    }
    expect(attachment.queuedBytes).toBeLessThan(30 * 1200);
    application.resume();
    while (attachment.queuedBytes > 0) await settle();
    await settle();
    expect(state.text).toBe(['hello a', 'under way', ...kept, ''].join('\n'));
  });
});

describe('an application that is not there', () => {
  test('a request tries at once and is refused with the attempt', async () => {
    const { attachment, state } = attach();
    state.isThere = false;
    const user = new User('a');
    attachment.attach(user);
    await settle();
    expect(state.attempts).toBe(1);
    const fates: string[] = [];
    attachment.send(user, line('one', fates));
    expect(fates).toEqual([]);
    await settle();
    expect(state.attempts).toBe(2);
    expect(fates).toEqual(['one CHANNEL_UNAVAILABLE']);
  });

  test('is tried again after 0.1 s, doubling up to 5 s', async () => {
    const { attachment, clock, state } = attach();
    state.isThere = false;
    attachment.attach(new User('a'));
    await settle();
    const gaps: number[] = [];
    let lastMs = 0;
    for (let known = state.attempts; gaps.length < 8; ) {
      clock.advance(100);
      await settle();
      if (state.attempts === known) continue;
      known = state.attempts;
      gaps.push(clock.nowMs() - lastMs);
      lastMs = clock.nowMs();
    }
    expect(gaps).toEqual([100, 200, 400, 800, 1600, 3200, 5000, 5000]);
  });

  test('goes away with lines waiting: they were never handed over', async () => {
    const { attachment, application } = attach();
    const user = new User('a');
    attachment.attach(user);
    await settle();
    application.pause();
    const fates: string[] = [];
    attachment.send(user, line('x'.repeat(100_000), []));
    await settle();
    attachment.send(user, line('late', fates));
    application.die();
    await settle();
    expect(fates).toEqual(['late CHANNEL_CLOSED']);
    expect(user.events).toEqual(['there', 'gone']);
  });

  test('comes back: greeted again, with a new epoch', async () => {
    const { attachment, application, clock, state } = attach();
    attachment.attach(new User('a'));
    await settle();
    expect(attachment.epoch).toBe(1);
    application.die();
    await settle();
    clock.advance(100);
    await settle();
    expect(attachment.epoch).toBe(2);
    expect(state.text).toBe('hello a\nhello a\n');
  });

  test('without a way back it is gone for good', async () => {
    const { attachment, application, clock, state } = attach({ reopens: false });
    const user = new User('a');
    attachment.attach(user);
    await settle();
    application.die();
    await settle();
    expect(attachment.isGone).toBe(true);
    const fates: string[] = [];
    attachment.send(user, line('one', fates));
    clock.advance(60_000);
    await settle();
    expect(fates).toEqual(['one CHANNEL_UNAVAILABLE']);
    expect(state.attempts).toBe(1);
  });
});

describe('closing', () => {
  test('lets what waits be written, but not for ever', async () => {
    const { attachment, application, clock, state } = attach();
    const user = new User('a');
    attachment.attach(user);
    await settle();
    application.pause();
    attachment.send(user, line('x'.repeat(200_000), []));
    let isClosed = false;
    void attachment.close().then(() => {
      isClosed = true;
    });
    await settle();
    expect(isClosed).toBe(false);
    clock.advance(2000);
    await settle();
    expect(isClosed).toBe(true);
    expect(attachment.isGone).toBe(true);
    expect(state.attempts).toBe(1);
  });
});
