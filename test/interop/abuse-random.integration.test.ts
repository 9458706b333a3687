import { createCipheriv } from 'node:crypto';
import { once } from 'node:events';
import { createWriteStream, readdirSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import path from 'node:path';
import { PassThrough, Readable, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { mutated, seededRandom } from '../kit/random.ts';
import { frameOf } from '../kit/register.ts';
import { frameAround, jsonTextsOf, MEMORY_LIMIT_BYTES, startMeasured, startQuietServe } from './abuse-kit.ts';
import { type Exit, exitedWith, ROOT, readAll, Workbench, withDescriptor } from './kit.ts';

/** Bytes that mean nothing, or nearly something. */

let bench: Workbench;
beforeEach(async () => {
  bench = await Workbench.open();
});
afterEach(() => bench.close());

const request = (id: string, method: string, params = {}) => frameOf({ jsonrpc: '2.0', id, method, params });
const FIRST = request('first', '_Keepalive');
const LAST = request('last', '_Keepalive');

interface Outcome {
  /** The JSON texts that came, in order. */
  readonly texts: string[];
  /** `string_code` of the `_CloseReason` that came last. */
  readonly reason: string;
}

/** Reads what a bridge wrote until it closed; throws where a register would give up. */
function outcomeOf(output: Buffer): Outcome {
  const texts = jsonTextsOf(output);
  const messages = texts.map((text) => JSON.parse(text));
  const goodbyes = messages.filter(({ method }) => method === '_CloseReason');
  if (goodbyes.length !== 1 || messages.at(-1)?.method !== '_CloseReason')
    throw new Error(`_CloseReason is not the last frame: ${texts.join(' ')}`);
  return { texts, reason: goodbyes[0].params.error.data.string_code };
}

function isAnswered({ texts }: Outcome, id: string): boolean {
  return texts.some((text) => {
    const message = JSON.parse(text);
    return message.id === id && message.method === undefined;
  });
}

describe('100 MB of random bytes', () => {
  const BYTES = 100_000_000;

  /** The same bytes for the same seed: a cipher's key stream behind `start`. */
  function* randomBytes(seed: number, start: Buffer): Generator<Buffer> {
    const cipher = createCipheriv('aes-128-ctr', Buffer.alloc(16, seed), Buffer.alloc(16));
    const zeros = Buffer.alloc(1_000_000);
    yield start;
    for (let sent = start.length; sent < BYTES; sent += zeros.length)
      yield cipher.update(zeros.subarray(0, Math.min(zeros.length, BYTES - sent)));
  }

  const STARTS: [string, Buffer][] = [
    ['nothing before them', Buffer.alloc(0)],
    ['a request before them', Buffer.from(FIRST)],
    ['the head of the largest frame before them', Buffer.from(`${FIRST}0003fff6:`)],
    ['the head of a small frame before them', Buffer.from('00000010:')],
    [
      'the beginning of a text before them',
      Buffer.from(`0003fff6:{"jsonrpc":"2.0","method":"X","params":{"a":"`),
    ],
    ['a frame without its newline before them', Buffer.from(FIRST.slice(0, -1))],
    ['half a head before them', Buffer.from('0003')],
  ];

  test.each(STARTS.map(([name, start], index) => ({ name, start, seed: index + 1 })))(
    'are refused on a socket, with $name',
    async ({ start, seed }) => {
      const { running, peakBytes } = startMeasured(bench, ['--app', 'simulator:']);
      const output = readAll(running.child.stdout as Readable);
      // The bridge may close before it has read all of it.
      await pipeline(Readable.from(randomBytes(seed, start)), running.child.stdin as Writable).catch(
        () => {},
      );
      await expectRefused(running.exited, await output, start);
      expect(await peakBytes()).toBeLessThan(MEMORY_LIMIT_BYTES);
    },
  );

  test('are refused from a pipe', async () => {
    const start = Buffer.from(FIRST);
    const { running, peakBytes } = startMeasured(bench, ['--app', 'simulator:'], { throughPipes: true });
    const output = readAll(running.child.stdout as Readable);
    await pipeline(Readable.from(randomBytes(8, start)), running.child.stdin as Writable).catch(() => {});
    await expectRefused(running.exited, await output, start);
    expect(await peakBytes()).toBeLessThan(MEMORY_LIMIT_BYTES);
  });

  test('are refused from a file', async () => {
    const file = bench.path('random');
    const start = Buffer.from(FIRST);
    await pipeline(Readable.from(randomBytes(9, start)), createWriteStream(file));
    const { running, peakBytes } = withDescriptor(file, 'r', (fd) =>
      startMeasured(bench, ['--app', 'simulator:'], { stdio: [fd, 'pipe', 'pipe'] }),
    );
    await expectRefused(running.exited, await readAll(running.child.stdout as Readable), start);
    expect(await peakBytes()).toBeLessThan(MEMORY_LIMIT_BYTES);
  });

  async function expectRefused(exited: Promise<Exit>, output: Buffer, start: Buffer): Promise<void> {
    const outcome = outcomeOf(output);
    expect(outcome.reason).toBe('JSONRPC_PARSE_ERROR');
    // What was asked in a whole frame before the fault is answered.
    expect(isAnswered(outcome, 'first')).toBe(start.includes(FIRST));
    expect(await exited).toEqual(exitedWith(76));
  }
});

describe('frames that are nearly right', () => {
  const FIXTURES = path.join(ROOT, 'test/fixtures/jsonpos');
  const fixtures = (kind: string) =>
    readdirSync(path.join(FIXTURES, kind)).map((name) => readFileSync(path.join(FIXTURES, kind, name)));
  const LONG_TEXT = 'Kassa €1 \\"quoted\\" '.repeat(40);
  const BASES = [
    ...fixtures('accept'),
    request('pos-1', 'Status'),
    request('pos-2', 'Print', { lines: [LONG_TEXT, 1e3, null, true], deep: { a: { b: [[[{}]]] } } }),
    request('pos-3', 'Purchase', { receipt_id: 17, sequence_id: '1', amount: 1230, currency: 'EUR' }),
    request('pos-4', 'Check', { receipt_id: 17, sequence_id: 1 }),
    frameOf({ jsonrpc: '2.0', method: 'Data', params: { id: 1, data: 'AAAA' } }),
    frameOf({ jsonrpc: '2.0', id: 'pt-1', result: {}, response_to: 'NetworkConnect' }),
    frameAround('{ "jsonrpc" : "2.0" , "id" : "\\u0070" , "method" : "Status" , "params" : { } }'),
  ].map((frame) => Buffer.from(frame as string));
  const ALPHABET = Buffer.from('{}[]":,\\/0123456789abcdefABCDEFun.-+eE \n\r\0\xff_', 'latin1');

  /** A stream with a mutated part in its middle, and that part. */
  function* mutations(seed: number, count: number): Generator<{ stream: Buffer; middle: Buffer }> {
    const random = seededRandom(seed);
    for (let index = 0; index < count; index += 1) {
      const middle = mutated(BASES[index % BASES.length] as Buffer, random, ALPHABET);
      yield { stream: Buffer.concat([Buffer.from(FIRST), middle, Buffer.from(LAST)]), middle };
    }
  }

  /** What is wrong with how a stream was answered. */
  function whyWrong(output: Buffer, middle: Buffer): string | undefined {
    try {
      const outcome = outcomeOf(output);
      if (!isAnswered(outcome, 'first')) return 'the request before it is not answered';
      if (outcome.reason.startsWith('JSONRPC_')) {
        return /^JSONRPC_(PARSE_ERROR|INVALID_REQUEST)$/.test(outcome.reason) ? undefined : outcome.reason;
      }
      // A goodbye of the register: its words are repeated, and nothing behind it counts.
      if (middle.includes('_CloseReason')) return undefined;
      if (outcome.reason !== 'CONNECTION_CLOSED') return outcome.reason;
      if (!isAnswered(outcome, 'last')) return 'the request behind it is not answered';
      const id = askedIn(middle);
      return id === undefined || isAnswered(outcome, id) ? undefined : `the request ${id} is not answered`;
    } catch (fault) {
      return String(fault);
    }
  }

  /** The id, if the bytes are one frame with one request. */
  function askedIn(middle: Buffer): string | undefined {
    const length = Number.parseInt(middle.toString('latin1', 0, 8), 16);
    if (length + 10 !== middle.length) return undefined;
    const message = JSON.parse(middle.toString('utf8', 9, 9 + length));
    return typeof message.method === 'string' ? message.id : undefined;
  }

  const COUNT = process.env['SOAK'] === undefined ? 6_000 : 100_000;

  test(`a server takes ${COUNT} connections with a mutated frame each, and lives on`, async () => {
    const listen = bench.path('wire.sock');
    const server = await startQuietServe(bench, [
      '--listen',
      `unix:${listen}`,
      '--app',
      'simulator:?delay=1',
    ]);
    const wrong: string[] = [];
    const reasons = new Map<string, number>();
    const streams = mutations(20_250_131, COUNT);
    const random = seededRandom(2);

    const exchange = (stream: Buffer) =>
      new Promise<Buffer>((resolve, reject) => {
        const chunks: Buffer[] = [];
        const socket = connect({ path: listen, allowHalfOpen: true });
        socket.on('data', (chunk) => chunks.push(chunk));
        socket.on('error', reject);
        socket.on('close', () => resolve(Buffer.concat(chunks)));
        const cut = Math.floor(random() * stream.length);
        socket.write(stream.subarray(0, cut));
        socket.end(stream.subarray(cut));
      });
    const worker = async () => {
      for (const { stream, middle } of streams) {
        const output = await exchange(stream);
        const why = whyWrong(output, middle);
        if (why !== undefined) wrong.push(`${why}: ${JSON.stringify(middle.toString('latin1'))}`);
        const reason = /"string_code":"(\w*)"[^"]*"details":"[^"]*"\}\}\}\}\n$/.exec(
          output.toString('latin1'),
        )?.[1];
        reasons.set(reason ?? 'other', (reasons.get(reason ?? 'other') ?? 0) + 1);
      }
    };
    await Promise.all(Array.from({ length: 30 }, worker));

    expect(wrong.slice(0, 10)).toEqual([]);
    expect([...reasons.values()].reduce((sum, count) => sum + count)).toBe(COUNT);
    expect(reasons.get('JSONRPC_PARSE_ERROR')).toBeGreaterThan(COUNT / 4);
    expect(reasons.get('JSONRPC_INVALID_REQUEST')).toBeGreaterThan(COUNT / 100);
    expect(reasons.get('CONNECTION_CLOSED')).toBeGreaterThan(COUNT / 100);
    const register = await bench.register({ path: listen });
    expect((await register.request('Status')).result).toBeDefined();
    expect(server.memory().peakBytes).toBeLessThan(MEMORY_LIMIT_BYTES);
    server.signal('SIGTERM');
    expect(await server.exited).toEqual(exitedWith(0));
    expect(server.errors).toBe('');
  }, 300_000);

  /** A process for one stream: what it wrote and how it exited. */
  async function bridgeOf(stream: Buffer): Promise<{ output: Buffer; exit: Exit; errors: string }> {
    const bridge = bench.startBridge(['--app', 'simulator:?delay=1']);
    const output = readAll(bridge.child.stdout as Readable);
    bridge.child.stdin?.end(stream);
    return { output: await output, exit: await bridge.exited, errors: bridge.errors };
  }

  async function inParallel<T>(items: Iterable<T>, run: (item: T) => Promise<void>): Promise<void> {
    const shared = items[Symbol.iterator]();
    const worker = async () => {
      for (let next = shared.next(); !next.done; next = shared.next()) await run(next.value);
    };
    await Promise.all([worker(), worker(), worker()]);
  }

  test('the exit status is 76 exactly when the wire says that the protocol was broken', async () => {
    const statuses = new Set<number | null>();
    await inParallel(mutations(7, 60), async ({ stream, middle }) => {
      const { output, exit, errors } = await bridgeOf(stream);
      const text = JSON.stringify(middle.toString('latin1'));
      expect(whyWrong(output, middle), text).toBeUndefined();
      const isBroken = outcomeOf(output).reason.startsWith('JSONRPC_');
      expect(exit, text).toEqual(exitedWith(isBroken ? 76 : 0));
      expect(errors).not.toMatch(/internal error|^\s+at /m);
      statuses.add(exit.code);
    });
    expect(statuses).toEqual(new Set([0, 76]));
  });

  test('every frame of the fixtures that must be refused is refused with 76 and its code', async () => {
    const names = readdirSync(path.join(FIXTURES, 'reject'));
    expect(names.length).toBeGreaterThan(20);
    await inParallel(names, async (name) => {
      const bytes = readFileSync(path.join(FIXTURES, 'reject', name));
      const { output, exit } = await bridgeOf(bytes);
      const code = name.startsWith('parse-error') ? 'JSONRPC_PARSE_ERROR' : 'JSONRPC_INVALID_REQUEST';
      expect(outcomeOf(output).reason, name).toBe(code);
      expect(exit, name).toEqual(exitedWith(76));
    });
  });

  test('100 000 frames in a row are answered in flat memory', async () => {
    const { running, peakBytes } = startMeasured(bench, ['--app', 'simulator:']);
    const { stdin, stdout } = running.child;
    if (stdin === null || stdout === null) throw new Error('no pipes');
    const output = readAll((stdout as Readable).pipe(new PassThrough()));
    for (let index = 0; index < 100; index += 1) {
      const frames = Array.from({ length: 1000 }, (_, n) => request(`k-${index * 1000 + n}`, '_Keepalive'));
      if (!stdin.write(frames.join(''))) await once(stdin, 'drain');
    }
    stdin.end();
    const { texts, reason } = outcomeOf(await output);
    expect(await running.exited).toEqual(exitedWith(0));
    expect(reason).toBe('CONNECTION_CLOSED');
    const ids = texts.slice(0, -1).map((text) => JSON.parse(text).id);
    expect(ids).toEqual(Array.from({ length: 100_000 }, (_, n) => `k-${n}`));
    expect(await peakBytes()).toBeLessThan(MEMORY_LIMIT_BYTES);
  });
});
