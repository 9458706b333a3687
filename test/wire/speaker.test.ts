import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { memoryWirePair } from '../../src/wire/memory.ts';
import { DISCARD_MS, type Farewell, QUIET_MS, Speaker, type SpeakerOptions } from '../../src/wire/speaker.ts';
import type { Wire } from '../../src/wire/wire.ts';
import { FakeClock } from '../kit/fake-clock.ts';

/** A speaker on one end of a memory wire, and what it reports; `far` is the peer's end. */
function begin({ isLine = false, ...options }: Partial<SpeakerOptions> & { isLine?: boolean } = {}) {
  const clock = new FakeClock();
  const [near, far] = memoryWirePair();
  const said: string[] = [];
  const calls: string[] = [];
  const watched: Wire = new Proxy(near, {
    get(target, name) {
      if (name === 'isLine') return isLine;
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== 'function') return member;
      return (...args: unknown[]) => {
        if (name === 'destroy' || name === 'reset' || name === 'endOutput') calls.push(name);
        return member.apply(target, args);
      };
    },
  });
  const speaker = new Speaker(
    watched,
    { clock, ...options },
    {
      chunk: (bytes) => said.push(`chunk ${bytes}`),
      inputEnded: () => said.push('input ended'),
      congested: (isCongested) => said.push(isCongested ? 'congested' : 'flows'),
      lost: ({ code, text, by }, wasFinishing) =>
        said.push(`lost ${code} by ${by}: ${text}${wasFinishing ? ' (finishing)' : ''}`),
      closed: (fault) => said.push(fault === undefined ? 'closed' : 'closed with a fault'),
    },
  );
  speaker.start();
  const heard: string[] = [];
  const listen = () =>
    far.start({
      chunk: (bytes) => heard.push(bytes.toString()),
      end: () => heard.push('<end>'),
      closed: (fault) => heard.push(fault === undefined ? '<closed>' : '<reset>'),
    });
  return { clock, far, said, calls, speaker, heard, listen };
}

async function settle(): Promise<void> {
  for (let turns = 0; turns < 10; turns += 1) await turn();
}

const write = (wire: Wire, text: string) =>
  new Promise<void>((done) => wire.write(Buffer.from(text), () => done()));

describe('a speaker', () => {
  test('reports what the peer says, and sends', async () => {
    const { far, said, speaker, heard, listen } = begin();
    listen();
    await write(far, 'hello');
    speaker.send(Buffer.from('well'), 'normal');
    await settle();
    expect(said).toEqual(['chunk hello']);
    expect(heard).toEqual(['well']);
  });

  test('still speaks when the peer has ended its output', async () => {
    const { far, said, speaker, heard, listen } = begin();
    listen();
    far.endOutput();
    await settle();
    speaker.send(Buffer.from('answer'), 'normal');
    await settle();
    expect(said).toEqual(['input ended']);
    expect(heard).toEqual(['answer']);
  });

  test('is lost once when the peer goes away, then closed', async () => {
    const { far, said, listen } = begin();
    listen();
    far.reset();
    await settle();
    expect(said).toEqual([
      expect.stringMatching(/^lost CONNECTION_CLOSED by wire: the connection was lost: /),
      'closed with a fault',
    ]);
  });

  test('is lost when the peer takes nothing for 30 s', async () => {
    const { clock, said, speaker, calls } = begin({ peer: 'the terminal' });
    speaker.send(Buffer.alloc(1000), 'normal');
    await settle();
    clock.advance(30_000);
    await settle();
    expect(said).toEqual(['lost WIRE_WRITE_TIMEOUT by us: the terminal takes no output', 'closed']);
    expect(calls).toEqual(['destroy']);
    expect(speaker.isLost).toBe(true);
  });

  test('resets a stalled wire where that was asked for', async () => {
    const { clock, speaker, calls } = begin({ resetsStalled: true });
    speaker.send(Buffer.alloc(1000), 'normal');
    await settle();
    clock.advance(30_000);
    expect(calls).toEqual(['reset']);
  });

  test('is lost at once beyond the most that may wait', async () => {
    const { said, speaker } = begin({ maxOutputBytes: 2_000_000 });
    speaker.send(Buffer.alloc(2_100_000), 'normal');
    await settle();
    expect(said).toEqual(['congested', 'lost WIRE_WRITE_TIMEOUT by us: the peer takes no output', 'closed']);
  });
});

describe('a goodbye', () => {
  test('writes what is queued, ends output, throws away what still comes, and closes with the peer', async () => {
    const { clock, far, said, speaker, heard, listen, calls } = begin();
    speaker.send(Buffer.from('last words'), 'normal');
    speaker.finish();
    speaker.send(Buffer.from('too late'), 'normal');
    listen();
    await settle();
    expect(heard).toEqual(['last words', '<end>']);
    await write(far, 'nobody listens');
    far.endOutput();
    await settle();
    expect(calls.at(-1)).toBe('destroy');
    expect(said).toEqual([expect.stringContaining('(finishing)'), 'closed']);
    clock.advance(DISCARD_MS);
    expect(calls.filter((call) => call === 'destroy')).toHaveLength(1);
  });

  test('waits 2 s for a peer that does not close, from when all is written', async () => {
    const { clock, speaker, listen, calls } = begin();
    speaker.send(Buffer.from('x'), 'normal');
    speaker.finish();
    await settle();
    clock.advance(DISCARD_MS);
    expect(calls).not.toContain('destroy');
    listen();
    await settle();
    clock.advance(DISCARD_MS - 1);
    expect(calls).not.toContain('destroy');
    clock.advance(1);
    expect(calls.at(-1)).toBe('destroy');
  });

  test('on a line ends as soon as the line is quiet, and after 2 s where it never is', async () => {
    for (const isTalking of [false, true]) {
      const { clock, far, speaker, listen, calls } = begin({ isLine: true });
      speaker.send(Buffer.from('x'), 'normal');
      speaker.finish();
      clock.advance(QUIET_MS);
      listen();
      await settle();
      clock.advance(QUIET_MS - 1);
      await write(far, 'more');
      await settle();
      clock.advance(QUIET_MS - 1);
      expect(calls).not.toContain('destroy');
      for (let ms = 0; isTalking && ms < DISCARD_MS - 2 * QUIET_MS; ms += 100) {
        await write(far, 'more');
        await settle();
        expect(calls).not.toContain('destroy');
        clock.advance(100);
      }
      clock.advance(isTalking ? 100 : 1);
      expect(calls.at(-1)).toBe('destroy');
    }
  });

  const AFTER_LIMIT: readonly [NonNullable<Farewell['undelivered']>, 'read' | 'unread', string][] = [
    ['deliver', 'read', 'destroy'],
    ['deliver', 'unread', 'destroy'],
    ['cut', 'read', 'destroy'],
    ['cut', 'unread', 'reset'],
    ['reset', 'read', 'reset'],
    ['reset', 'unread', 'reset'],
  ];
  test.each(AFTER_LIMIT)(
    'with a limit from now and %s, output being %s, ends by %s',
    async (undelivered, how, end) => {
      const { clock, speaker, listen, calls } = begin();
      speaker.send(Buffer.from('x'), 'normal');
      speaker.finish({ limit: 'from now', undelivered });
      if (how === 'read') listen();
      await settle();
      clock.advance(DISCARD_MS);
      expect(calls.at(-1)).toBe(end);
    },
  );

  test('can reset as soon as all is written, without ending output', async () => {
    const { speaker, listen, calls, heard } = begin();
    speaker.send(Buffer.from('goodbye'), 'normal');
    speaker.finish({ limit: 'from now', undelivered: 'reset when written' });
    expect(calls).toEqual([]);
    listen();
    await settle();
    expect(calls).toEqual(['reset']);
    expect(heard[0]).toBe('goodbye');
  });

  test('ends output in good order where the peer has ended its own before a reset', async () => {
    const { far, speaker, listen, calls } = begin();
    listen();
    far.endOutput();
    await settle();
    speaker.finish({ limit: 'from now', undelivered: 'reset when written' });
    await settle();
    expect(calls).toEqual(['endOutput', 'destroy']);
  });

  test('comes once', async () => {
    const { speaker, listen, calls } = begin();
    listen();
    speaker.finish();
    speaker.finish({ undelivered: 'reset when written' });
    await settle();
    expect(calls).toEqual(['endOutput']);
  });
});
