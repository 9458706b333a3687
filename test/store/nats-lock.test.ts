import { expect, test } from 'vitest';
import type { LockAttempt, LockHolder, TransactionLock } from '../../src/store/lock.ts';
import type { Buckets } from '../../src/store/nats/bucket.ts';
import { NatsLock } from '../../src/store/nats/terminal-lock.ts';
import { FakeClock } from '../kit/fake-clock.ts';

/** The key as a server keeps it, and the processes that answer for it. */
class Server {
  stored: { bytes: Buffer; revision: number } | undefined;
  #revision = 0;
  readonly #answers = new Map<string, () => Uint8Array>();

  readonly buckets = {
    subjectStart: 'shop',
    answerOn: (subject: string, answer: () => Uint8Array) => this.#answers.set(subject, answer),
    ask: async (subject: string) => this.#answers.get(subject)?.(),
    read: async () => this.stored,
    create: async (_bucket: string, _key: string, bytes: Uint8Array) =>
      this.stored === undefined ? this.#store(bytes) : undefined,
    update: async (_bucket: string, _key: string, bytes: Uint8Array, revision: number) =>
      this.stored?.revision === revision ? this.#store(bytes) : undefined,
  } as unknown as Buckets;

  #store(bytes: Uint8Array): number {
    this.#revision += 1;
    this.stored = { bytes: Buffer.from(bytes), revision: this.#revision };
    return this.#revision;
  }
}

function stage() {
  const clock = new FakeClock();
  const server = new Server();
  const { buckets } = server;
  const lockOf = (token: string) => new NatsLock({ text: token, buckets, clock, token }).open();
  return { clock, server, a: lockOf('a'), b: lockOf('b') };
}

const holder = (connection: string): LockHolder => ({
  connection,
  pid: 1,
  since: '2030-01-01T00:00:00.000Z',
});

/** With what the servers answer meanwhile. */
async function passes(clock: FakeClock, ms: number): Promise<void> {
  clock.advance(ms);
  await new Promise(setImmediate);
}

async function hold(lock: TransactionLock, connection: string): Promise<() => void> {
  const attempt: LockAttempt = await lock.tryAcquire(holder(connection));
  if (!attempt.acquired) throw new Error('it is taken');
  return attempt.release;
}

test("a key that is kept, and was renewed meanwhile, is one process's at a time", async () => {
  const { clock, a, b } = stage();
  const release = await hold(a, 'first');
  await passes(clock, 1000);
  release();
  await passes(clock, 300); // a renewal falls into the moment
  await hold(a, 'second');
  const other = await b.tryAcquire(holder('other'));
  expect(other.acquired).toBe(false);
  expect(await (other.acquired ? undefined : other.holder())).toMatchObject({ connection: 'second' });
});

test('one that is kept is given to whoever asks', async () => {
  const { clock, a, b } = stage();
  const release = await hold(a, 'first');
  await passes(clock, 1000);
  release();
  await passes(clock, 300);
  await hold(b, 'other');
  expect((await a.tryAcquire(holder('second'))).acquired).toBe(false);
});

test("one that has vanished, and is somebody else's, is not used again", async () => {
  const { clock, server, a, b } = stage();
  const release = await hold(a, 'first');
  server.stored = undefined;
  await hold(b, 'other');
  await passes(clock, 1300); // its renewal finds that out
  release();
  expect((await a.tryAcquire(holder('second'))).acquired).toBe(false);
});
