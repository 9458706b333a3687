import type { NatsConnection } from '@nats-io/transport-node';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { AttachmentUser } from '../../src/channel/channel.ts';
import { Whereabouts } from '../../src/channel/nats-whereabouts.ts';

type Callback = (fault: null, message: { readonly data: Uint8Array }) => void;

/** Gives every word to everybody, as a server does. */
class Server {
  words = 0;
  readonly #queue: string[] = [];
  readonly #callbacks = new Set<Callback>();

  readonly nats = {
    publish: (_subject: string, text: string) => this.#queue.push(text),
    subscribe: (_subject: string, { callback }: { readonly callback: Callback }) => {
      this.#callbacks.add(callback);
      return { unsubscribe: () => this.#callbacks.delete(callback) };
    },
  } as unknown as NatsConnection;

  /** Until nobody says anything any more, or too much was said. */
  run(): void {
    for (let text = this.#queue.shift(); text !== undefined && this.words < 100; text = this.#queue.shift()) {
      this.words += 1;
      for (const callback of [...this.#callbacks]) callback(null, { data: Buffer.from(text) });
    }
  }
}

const user = (connection: string, superseded: () => void) =>
  ({ connection, identity: 'CP1', superseded }) as unknown as AttachmentUser;

beforeEach(() => {
  vi.useFakeTimers({ now: 0 });
});

afterEach(() => {
  vi.useRealTimers();
});

test('of two connections that began in one millisecond one goes, and both ends know which', () => {
  const before = [new Server(), new Server()];
  const gone: string[] = [];
  const users = ['a', 'b'].map((name) => user(name, () => gone.push(name)));
  for (const [at, each] of users.entries())
    new Whereabouts(before[at]?.nats as NatsConnection, 'shop').enter(each);
  const server = new Server();
  for (const each of users) new Whereabouts(server.nats, 'shop').enter(each);
  server.run();
  expect(new Set(gone)).toEqual(new Set(['a']));
  expect(server.words).toBeLessThan(10);
});
