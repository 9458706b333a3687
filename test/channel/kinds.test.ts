import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { silentLogger } from '../../src/base/log.ts';
import { Statistics } from '../../src/base/statistics.ts';
import { lineStart } from '../../src/channel/application-line.ts';
import { StreamAttachment } from '../../src/channel/attachment.ts';
import type { AttachmentUser } from '../../src/channel/channel.ts';
import type { ChannelContext, ChannelKind, Want } from '../../src/channel/kind.ts';
import { CHANNEL_KINDS } from '../../src/channel/kinds.ts';
import { AttachmentPool } from '../../src/channel/pool.ts';
import { Presence } from '../../src/channel/presence.ts';
import { parseEndpoint } from '../../src/endpoint/parse.ts';
import type { Message } from '../../src/rpc/message.ts';
import { memoryWirePair } from '../../src/wire/memory.ts';
import type { Wire } from '../../src/wire/wire.ts';
import { FakeClock } from '../kit/fake-clock.ts';

const context: ChannelContext = {
  clock: new FakeClock(),
  log: silentLogger,
  statistics: new Statistics(),
  random: () => 0,
  presence: new Presence(),
  env: {},
  simulate: async () => () => {},
  askTerminal: async () => () => {},
};

/** A channel kind of its own: everything that reaches the application comes back as a notification's name. */
function toyKind(more: Partial<ChannelKind<'null'>> = {}) {
  const opened: Wire[] = [];
  const kind: ChannelKind<'null'> = {
    kind: 'null',
    isShared: false,
    isKept: false,
    attach: (_want, own, takePrepared) =>
      new StreamAttachment({
        ...own,
        canWrite: true,
        canRead: true,
        reopens: true,
        open: async () => {
          const prepared = takePrepared();
          if (prepared !== undefined) return prepared;
          const [ours, theirs] = memoryWirePair();
          theirs.start({
            chunk: (bytes) => {
              const echo = { jsonrpc: '2.0', method: `heard ${bytes.length} bytes`, params: {} };
              theirs.write(Buffer.from(`${JSON.stringify(echo)}\n`), () => {});
            },
            end: () => {},
            closed: () => {},
          });
          opened.push(ours);
          return ours;
        },
      }),
    ...more,
  };
  return { kind: kind as unknown as ChannelKind, opened };
}

const want: Want = {
  endpoint: parseEndpoint('null:', 'channel'),
  direction: 'both',
  creates: false,
  isOwn: false,
};

function user(connection: string) {
  const heard: string[] = [];
  return {
    connection,
    lineStart: lineStart(connection),
    log: silentLogger,
    heard,
    channelOf: () => 'payment',
    greeting: () => [],
    applicationThere: () => {},
    misheard: () => {},
    applicationGone: () => {},
    applicationSays: (message: Message) => {
      if (message.kind === 'notification') heard.push(message.method);
    },
  } satisfies AttachmentUser & { readonly heard: string[] };
}

async function settle(): Promise<void> {
  for (let turns = 0; turns < 10; turns += 1) await turn();
}

test('every kind has one row', () => {
  const kinds = CHANNEL_KINDS.map(({ kind }) => kind);
  expect(kinds.toSorted()).toEqual(['fd', 'fifo', 'nats', 'null', 'simulator', 'tcp', 'terminal', 'unix']);
});

test('a new kind of channel is a row: lines go out and come back', async () => {
  const pool = new AttachmentPool(context, undefined, 'by kind', [toyKind().kind]);
  const attachment = pool.get(want);
  const one = user('one');
  attachment.attach(one);
  attachment.send(one, { bytes: Buffer.from('{}\n'), kind: 'notification' });
  await settle();
  expect(one.heard).toEqual(['heard 3 bytes']);
  await pool.close();
});

test('what is not shared is one attachment a pool, and closed when its last user leaves', async () => {
  const { kind, opened } = toyKind();
  const shared = new AttachmentPool(context, undefined, 'by kind', [kind]);
  const pools = [1, 2].map(() => new AttachmentPool(context, shared, 'by kind', [kind]));
  const [first, second] = pools.map((pool) => pool.get(want));
  expect(first).not.toBe(second);
  expect(pools[0]?.get(want)).toBe(first);
  const one = user('one');
  first?.attach(one);
  await settle();
  first?.detach(one);
  await settle();
  expect(pools[0]?.get(want)).not.toBe(first);
  expect(opened).toHaveLength(1);
});

test('what is shared is one attachment for all pools', () => {
  const { kind } = toyKind({ isShared: true });
  const shared = new AttachmentPool(context, undefined, 'by kind', [kind]);
  const [first, second] = [1, 2].map(() => new AttachmentPool(context, shared, 'by kind', [kind]).get(want));
  expect(first).toBe(second);
});

test('what is kept stays when its last user leaves', async () => {
  const { kind } = toyKind({ isShared: true, isKept: true });
  const pool = new AttachmentPool(context, undefined, 'by kind', [kind]);
  const attachment = pool.get(want);
  const one = user('one');
  attachment.attach(one);
  await settle();
  attachment.detach(one);
  await settle();
  expect(pool.get(want)).toBe(attachment);
});

test('what was opened beforehand is used by the first attachment, or closed with the pool', async () => {
  const pairs = [memoryWirePair(), memoryWirePair()] as const;
  const ends: string[] = [];
  for (const [index, [, theirs]] of pairs.entries())
    theirs.start({ chunk: () => {}, end: () => ends.push(`end ${index}`), closed: () => {} });
  let next = 0;
  const { kind, opened } = toyKind({ prepare: async () => pairs[next++]?.[0] });
  const pool = new AttachmentPool(context, undefined, 'by kind', [kind]);
  await pool.prepare(want);
  const one = user('one');
  pool.get(want).attach(one);
  await settle();
  expect(opened).toEqual([]);
  await pool.close();
  await settle();
  expect(ends).toEqual(['end 0']);

  const unused = new AttachmentPool(context, undefined, 'by kind', [kind]);
  await unused.prepare(want);
  unused.get(want);
  await unused.close();
  pairs[1][0].start({ chunk: () => {}, end: () => {}, closed: () => {} });
  await settle();
  expect(ends).toEqual(['end 0', 'end 1']);
});

test('an endpoint of a kind without a row is a mistake of the program', () => {
  const pool = new AttachmentPool(context, undefined, 'by kind', []);
  expect(() => pool.get(want)).toThrow(TypeError);
});
