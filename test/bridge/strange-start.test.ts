import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Stranger, StrangeStart, strangerIn } from '../../src/bridge/strange-start.ts';
import { bench, purchase, settle } from './kit.ts';

const SYNC_AND_REFUND =
  '0000002f:{"jsonrpc":"2.0","id":"s","method":"_Sync","params":{}}\n' +
  '00000073:{"jsonrpc":"2.0","id":"r","method":"Refund","params":{"receipt_id":1,"sequence_id":1,"amount":100,"currency":"EUR"}}\n';
const HELLO = Buffer.from([0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc]);

/** What is found out, and after how many bytes, when they come one by one. */
function byByte(bytes: Buffer): { stranger: Stranger | undefined; after: number } {
  const start = new StrangeStart();
  for (let at = 0; at < bytes.length; at += 1) {
    const judged = start.judge(bytes.subarray(at, at + 1));
    if (judged === undefined) continue;
    expect(judged.bytes.equals(bytes.subarray(0, at + 1))).toBe(true);
    return { stranger: judged.stranger, after: at + 1 };
  }
  expect(start.rest().equals(bytes)).toBe(true);
  return { stranger: undefined, after: bytes.length };
}

describe('a stranger is', () => {
  test.each([
    ['HTTP', 'POST / HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['HTTP', 'OPTIONS * HTTP/1.1\r\n'],
    ['HTTP', 'PRI * HTTP/2.0\r\n'],
    ['HTTP', 'M-SEARCH http://10.0.0.1:10001/%C3 HTTP/1.0'],
    ['HTTP', `GET /${'x'.repeat(9000)} HTTP/1.1\r\n`],
    ['TLS', HELLO.toString('latin1')],
    ['PROXY', 'PROXY TCP4 10.0.0.7 10.0.0.1 51000 10001\r\n'],
    ['PROXY', 'PROXY UNKNOWN\r\n'],
    ['PROXY', '\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c'],
  ] as const)('%s: %j', (who, text) => {
    const bytes = Buffer.from(text, 'latin1');
    expect(strangerIn(bytes)).toBe(who);
    expect(byByte(bytes).stranger).toBe(who);
  });
});

describe('a peer that belongs begins with', () => {
  test.each([
    ['a frame of JSONPOS', '0000000a:{"a":"GET / HTTP/1.1"}\n', 1],
    ['a frame with capital digits', 'ABCDEF00:{}', 7],
    ['filler', '\n\n\nGET / HTTP/1.1\r\n', 1],
    ['a word and a line', 'noise 00000002:{}\nmore', 18],
    ['a word and two spaces', 'noise  HTTP/1.1', 7],
    ['words', 'OK CHARSET UTF-8 HTTP/1.1', 12],
    ['control bytes', '\x06\x02K1\x03', 1],
    ['nearly TLS', '\x16\x03\x01\x02\x00\x02', 6],
    ['empty lines', '\r\n\r\nOK', 5],
    ['the word of a proxy, and words', 'PROXY TCP5 x', 12],
    ['XML', '<?xml version="1.0"?>', 1],
  ])('%s', (_, text, after) => {
    const bytes = Buffer.from(text, 'latin1');
    expect(byByte(bytes)).toEqual({ stranger: undefined, after });
  });

  test('a part of a request line, and ends: nothing of it is lost', () => {
    expect(byByte(Buffer.from('POST /x HT'))).toEqual({ stranger: undefined, after: 10 });
  });
});

test('how the bytes are cut up changes nothing', () => {
  const text = fc.stringMatching(/^[A-Z]{1,5} ?[ -~\n]{0,20}(?: HTTP\/1)?[ -~]{0,9}$/);
  fc.assert(
    fc.property(text, (line) => {
      const bytes = Buffer.from(line, 'latin1');
      const whole = strangerIn(bytes);
      expect(byByte(bytes).stranger).toBe(whole === 'perhaps' ? undefined : whole);
    }),
  );
});

describe.each([true, false])('a bridge that waits for _Sync: %s', (sync) => {
  const protocol = { maxFrameBytes: 262_134, keepalive: 'off', sync } as const;

  test.each(['POST /pay HTTP/1.1', 'GET / HTTP/1.1', HELLO.toString('latin1')])(
    'obeys nothing behind %j, and says so',
    async (first) => {
      const { register, app } = await bench({ protocol });
      register.sendBytes(`${first}\r\nHost: 127.0.0.1:10001\r\n\r\n${SYNC_AND_REFUND}`);
      await settle();
      register.sendBytes(SYNC_AND_REFUND);
      await settle();
      expect(app.lines.filter(({ method }) => method === 'Refund')).toEqual([]);
      expect(register.messages.filter(({ id }) => id !== undefined)).toEqual([]);
    },
  );
});

test('a bridge hears a peer whose first frame comes in pieces', async () => {
  const { register, app } = await bench();
  register.send(purchase('p'));
  await settle();
  expect(app.requests('Purchase')).toHaveLength(1);
});
