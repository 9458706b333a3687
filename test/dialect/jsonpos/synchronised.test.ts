import { describe, expect, test, vi } from 'vitest';
import { JsonposDecoder } from '../../../src/dialect/jsonpos/frame.ts';
import { FrameScanner } from '../../../src/dialect/jsonpos/frame-scanner.ts';
import { reply } from '../../../src/dialect/reply.ts';
import { parseMessage } from '../../../src/rpc/message.ts';
import { mutated, seededRandom } from '../../kit/random.ts';
import { byteByByte, everySplit, inPieces } from '../../kit/splits.ts';
import { FILLER, framed, join, keepalive, note, speak, sync } from './synchronised-kit.ts';

const purchase = (id: string) =>
  framed({ id, method: 'Purchase', params: { receipt_id: id, sequence_id: 1 } });
/** Params are slices of the input: they are read before the next chunk comes. */
const receiptsOf = (requests: readonly { readonly params: Buffer }[]) =>
  requests.map(({ params }) => JSON.parse(params.toString()).receipt_id);
const HALF_OF_LARGEST = '0003fff6:{"jsonrpc":"2.0","id":"pos-7","method":"Data","params":{"data":"';

const skipped = ({ statistics }: ReturnType<typeof speak>) => statistics.snapshot()['bytes skipped'] ?? 0;

describe('before the first _Sync', () => {
  test('nothing is answered and nothing is heard', () => {
    const peer = speak();
    const goodbye = framed({ method: '_CloseReason', params: {} });
    const bytes = join(FILLER, keepalive('k'), purchase('p'), goodbye, 'rubbish');
    peer.receive(bytes);
    expect(peer.story).toEqual([]);
    expect(peer.sent).toEqual([]);
    expect(skipped(peer)).toBe(bytes.length);
  });

  test('a _Sync is answered with {} at once, urgently, and a connection begins', () => {
    const { receive, story, sent } = speak();
    receive(FILLER, sync('s'));
    expect(story).toEqual(['opened 1', 'answer s']);
    expect(sent).toEqual([
      { message: { jsonrpc: '2.0', id: 's', response_to: '_Sync', result: {} }, urgency: 'urgent' },
    ]);
  });

  test.each([
    ['newlines', FILLER],
    ['a whole purchase that was left over', join(purchase('old'), FILLER)],
    ['half a frame that announces 262134 bytes', join(HALF_OF_LARGEST, FILLER)],
    ['half a frame that announces 1024 bytes', join('00000400:{"jsonrpc"', FILLER)],
    ['the second half of a frame', join(purchase('old').subarray(30), FILLER)],
    ['half a _Sync', join(sync('old').subarray(0, 40), FILLER)],
    ['bytes of every value', Buffer.from([...Array(256).keys()])],
    ['nothing', Buffer.alloc(0)],
  ])(
    '%s: skipped and counted, and the strict framing begins right behind it, however it is cut',
    (_what, before) => {
      const bytes = join(before, sync('s'), keepalive('k'), purchase('p'));
      for (const chunks of [...everySplit(bytes), byteByByte(bytes), inPieces(bytes, 5)]) {
        const peer = speak();
        peer.receive(...chunks);
        expect(peer.story).toEqual(['opened 1', 'answer s', 'answer k', 'request 1 Purchase']);
        expect(receiptsOf(peer.requests)).toEqual(['p']);
        expect(skipped(peer)).toBe(before.length);
      }
    },
  );

  test('rubbish of a thousand seeds does not prevent it', () => {
    const alphabet = Buffer.from('0000001234abcdef:{}"\n\\_Sync');
    for (let seed = 0; seed < 1000; seed += 1) {
      const random = seededRandom(seed);
      const pieces = [...Array(Math.floor(random() * 30))].map(() => {
        const choice = random();
        if (choice < 0.2) return sync('old').subarray(0, Math.floor(random() * 50));
        if (choice < 0.4) return purchase('old').subarray(Math.floor(random() * 60));
        if (choice < 0.5) return join(HALF_OF_LARGEST);
        const bytes = [...Array(Math.floor(random() * 100))].map(() =>
          random() < 0.5
            ? (alphabet[Math.floor(random() * alphabet.length)] as number)
            : Math.floor(random() * 256),
        );
        return Buffer.from(bytes);
      });
      const rubbish = Buffer.concat(pieces);
      const peer = speak();
      peer.receive(...inPieces(join(rubbish, sync('s'), note(1)), 1 + Math.floor(random() * 200)));
      expect(peer.story, `seed ${seed}`).toEqual(['opened 1', 'answer s', 'note 1 Note {"n":1}']);
      expect(skipped(peer)).toBe(rubbish.length);
    }
  });

  test('a register that never synchronises is reported once per scan', () => {
    const { receive, warnings } = speak();
    receive(framed({ method: '_CloseReason', params: {} }), FILLER);
    expect(warnings).toEqual([]);
    receive(keepalive('1'), keepalive('2'), keepalive('3'));
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain('--no-sync');
    receive(sync('s'), '\n', keepalive('4'), keepalive('5'));
    expect(warnings).toHaveLength(2);
  });

  test.each([
    ['the end of input', 'finished CONNECTION_CLOSED ended'],
    ['a stop of the bridge', 'finished CONNECTION_CLOSED ended'],
    ['loss', 'finished WIRE_WRITE_TIMEOUT lost'],
  ])('%s is the end of everything', (what, end) => {
    const { conversation, receive, story, clock } = speak();
    receive(sync('s').subarray(0, 20));
    if (what === 'loss') conversation.lost({ code: 'WIRE_WRITE_TIMEOUT', text: 'x', by: 'us' });
    else if (what === 'the end of input') conversation.endOfInput();
    else conversation.stop?.();
    conversation.lost({ code: 'CONNECTION_CLOSED', text: 'x', by: 'wire' });
    receive(sync('s'));
    expect(story).toEqual([end]);
    expect(clock.timerCount).toBe(0);
  });
});

describe('a register that begins anew', () => {
  const begun = () => {
    const peer = speak();
    peer.receive(sync('1'), purchase('p'));
    peer.story.length = 0;
    return peer;
  };

  test('by newlines instead of a header: the connection ends without a word, the next _Sync opens another one', () => {
    for (const chunks of everySplit(join(FILLER, sync('2'), note(2)))) {
      const { receive, story } = begun();
      receive(...chunks);
      expect(story).toEqual([
        'discard',
        'closed 1 CONNECTION_CLOSED peer',
        'opened 2',
        'answer 2',
        'note 2 Note {"n":2}',
      ]);
    }
  });

  test('by a _Sync in the middle: at once', () => {
    for (const chunks of everySplit(join(sync('2'), note(2)))) {
      const { receive, story } = begun();
      receive(...chunks);
      expect(story).toEqual([
        'discard',
        'closed 1 CONNECTION_CLOSED peer',
        'opened 2',
        'answer 2',
        'note 2 Note {"n":2}',
      ]);
    }
  });

  test.each([
    ['half a frame', 0, 50],
    ['half a header', 0, 5],
    ['a header alone', 0, 9],
    ['a frame, up to its last byte but one', 0, purchase('x').length - 2],
  ])('within %s: what it says there is found at once', (_what, from, to) => {
    for (const size of [1, 7, 1000]) {
      const { receive, story, requests } = begun();
      receive(...inPieces(join(purchase('x').subarray(from, to), FILLER, sync('2')), size));
      expect(story).toContain('opened 2');
      expect(story.at(-1)).toBe('answer 2');
      expect(receiptsOf(requests)).toEqual(['p']);
    }
  });

  test('within the largest frame, of which most is missing: at once, and without a word', () => {
    const bytes = join(HALF_OF_LARGEST, FILLER, sync('2'), note(2));
    for (const chunks of [...everySplit(bytes), byteByByte(bytes)]) {
      const peer = begun();
      peer.receive(...chunks);
      expect(peer.story).toEqual([
        'discard',
        'closed 1 CONNECTION_CLOSED peer',
        'opened 2',
        'answer 2',
        'note 2 Note {"n":2}',
      ]);
      expect(skipped(peer)).toBe(HALF_OF_LARGEST.length + FILLER.length);
      expect(peer.clock.timerCount).toBe(0);
    }
  });

  test('within a frame of a conversation that has said nothing yet: another connection, too', () => {
    const { receive, story } = speak();
    receive(sync('1'), HALF_OF_LARGEST, sync('2'));
    expect(story.slice(2)).toEqual(['discard', 'closed 1 CONNECTION_CLOSED peer', 'opened 2', 'answer 2']);
  });

  test('behind a frame that got no byte for 2 s: no byte is lost or counted twice', () => {
    const bytes = join(HALF_OF_LARGEST, sync('2'));
    for (let cut = 1; cut < bytes.length; cut += 1) {
      const peer = begun();
      peer.receive(bytes.subarray(0, cut));
      peer.clock.advance(2000);
      expect(peer.story).toContain('goodbye JSONRPC_PARSE_ERROR');
      peer.receive(bytes.subarray(cut));
      expect(peer.story.slice(3)).toEqual(['opened 2', 'answer 2']);
      expect(skipped(peer)).toBe(HALF_OF_LARGEST.length);
    }
  });

  test('behind a frame that stays unfinished: the goodbye names it', () => {
    const { receive, clock, sent } = begun();
    receive(HALF_OF_LARGEST);
    clock.advance(2000);
    const why = /no byte for 2000 ms; a frame of \d+ bytes /;
    expect(sent.at(-1)?.message.params.error.data.details).toMatch(why);
  });

  test('by a _CloseReason: no goodbye in return', () => {
    const { receive, story } = begun();
    receive(
      framed({
        method: '_CloseReason',
        params: { error: { message: 'x', data: { string_code: 'SHIFT_OVER' } } },
      }),
    );
    expect(story).toEqual(['discard', 'closed 1 SHIFT_OVER peer']);
    receive(sync('2'));
    expect(story.slice(2)).toEqual(['opened 2', 'answer 2']);
  });

  test('a _Sync of a conversation that has said nothing yet is only answered', () => {
    const { receive, story } = speak();
    receive(sync('1'), keepalive('k'), sync('2'), FILLER.subarray(0, 0), sync('3'));
    expect(story).toEqual(['opened 1', 'answer 1', 'answer k', 'answer 2', 'answer 3']);
  });

  test('a word of ours counts as well', () => {
    const { receive, story, peers } = speak();
    receive(sync('1'));
    peers[0]?.notify('"StatusEvent"', Buffer.from('{}'));
    receive(sync('2'));
    expect(story).toContain('closed 1 CONNECTION_CLOSED peer');
    expect(story.at(-1)).toBe('answer 2');
  });

  test('nothing crosses over: requests of ours end, answers of old connections go nowhere', () => {
    const { receive, story, peers, requests, sent } = speak();
    const answers: string[] = [];
    receive(sync('1'), purchase('p'));
    peers[0]?.request('"Ask"', Buffer.from('{}'), ({ text, lost }) => answers.push(`${lost?.by} ${text}`));
    receive('\n', sync('2'), purchase('p'));
    expect(answers).toHaveLength(1);
    expect(answers[0]).toMatch(/^peer .*CONNECTION_CLOSED/);
    expect(requests.map((request) => reply(request, 'result', Buffer.from('{}')))).toEqual([
      'closed',
      'sent',
    ]);
    expect(peers[0]?.notify('"A"', Buffer.from('{}'))).toBe('closed');
    peers[0]?.close({ code: 'X', text: 'late', by: 'us' });
    expect(sent.filter(({ message }) => message.id === 'p')).toHaveLength(1);
    expect(story.filter((line) => line.startsWith('finished'))).toEqual([]);
  });
});

describe('a broken frame', () => {
  test.each([
    ['a byte that is no hex digit', 'x'],
    ['a length over the limit', 'ffffffff:'],
    ['a length of 0', '00000000:'],
    ['no newline behind the text', '00000002:{}x'],
    ['a text that is no JSON', framed('{"jsonrpc":"2.0",}')],
    ['a message that breaks the rules', framed('{"jsonrpc":"2.0","id":1,"method":"A","params":{}}')],
    ['an id that is in use', purchase('p')],
  ])('%s: the register is told, and scanning begins', (_what, bytes) => {
    const { receive, story, sent } = speak();
    receive(sync('1'), purchase('p'));
    story.length = 0;
    receive(bytes, purchase('stale'), FILLER, sync('2'), note(2));
    expect(story[0]).toBe('discard');
    expect(story[1]).toMatch(/^goodbye JSONRPC_/);
    expect(story[2]).toMatch(/^closed 1 JSONRPC_.* us$/);
    expect(story.slice(3)).toEqual(['opened 2', 'answer 2', 'note 2 Note {"n":2}']);
    expect(sent.filter(({ message }) => message.method === '_CloseReason')).toHaveLength(1);
  });

  test.each([
    ['in the header', '00000', ''],
    ['in a text that is too short', `00000100:{"x":"${'y'.repeat(150)}`, 'z'.repeat(200)],
    ['at the end of a text that is no JSON', '0000007d:{"x":"', ''],
  ])('a _Sync %s is heard, however it is cut', (_what, before, behind) => {
    const bytes = join(before, sync('2'), behind, FILLER);
    for (const chunks of [...everySplit(bytes), byteByByte(bytes)]) {
      const { receive, story } = speak();
      receive(sync('1'), ...chunks);
      expect(story).toContain('answer 2');
    }
  });

  test('the newline of a broken text may be the newline of a _Sync', () => {
    const inner = sync('2').subarray(0, -1).toString();
    const bytes = framed(`{"x":"${inner}`);
    for (const chunks of [...everySplit(bytes), byteByByte(bytes)]) {
      const { receive, story } = speak();
      receive(sync('1'), ...chunks);
      expect(story.at(-1)).toBe('answer 2');
    }
  });

  test('is what a frame is in which a _Sync stands whole: no text that is JSON has room for one', () => {
    // Any text that makes it a part of a string, or of several.
    const inner = ['{"jsonrpc":"2.0","id":"s","method":"_Sync","params":{}}'];
    for (const before of ['', '"', ',', ':', '\\', '{', '[', ']', '}']) {
      for (const behind of ['', '"', ',', ':', '\\', '{', '[', ']', '}']) {
        const member = JSON.stringify(before + behind);
        inner.push(
          `{${member}:${member},"jsonrpc":"2.0","id":"s","method":"_Sync","params":{}}`,
          `{"jsonrpc":"2.0","id":"s","method":"_Sync","params":{${member}:[${member},[${member}]]}}`,
        );
      }
    }
    for (const text of inner) {
      const whole = framed(text).toString();
      expect(parseMessage(Buffer.from(text), 'wire').ok).toBe(true);
      for (const string of ['"', '', '{"a":"', '["', '["b","', '{"a":["']) {
        for (const end of ['', '"', '"}', '"]', ']', '"]}', '","b"]', '}']) {
          for (const inside of [whole, whole.slice(0, -1)]) {
            const outer = `${string}${inside}${end}`;
            expect(() => JSON.parse(outer), outer).toThrow();
          }
        }
      }
    }
  });
});

describe('a peer that announces much and begins anew', () => {
  /** Bytes that any part of it looks at, for each byte that came. */
  function examinedPerByte(chunks: readonly Buffer[], peer = speak()): number {
    let examined = 0;
    const count = ({ length }: Buffer) => {
      examined += length;
    };
    const { push: decode } = JsonposDecoder.prototype;
    const decoding = vi.spyOn(JsonposDecoder.prototype, 'push').mockImplementation(function (
      this: JsonposDecoder,
      chunk,
      sink,
    ) {
      const at = decode.call(this, chunk, {
        ...sink,
        frame: (text) => {
          count(text);
          sink.frame(text);
        },
      });
      examined += at;
      return at;
    });
    const { push: scan } = FrameScanner.prototype;
    const scanning = vi.spyOn(FrameScanner.prototype, 'push').mockImplementation(function (
      this: FrameScanner,
      chunk,
      accepts,
    ) {
      const rest = scan.call(this, chunk, (text) => {
        count(text);
        return accepts(text);
      });
      examined += chunk.length - (rest?.length ?? 0);
      return rest;
    });
    // Slow enough for every beginning to be heard.
    let nowMs = 0;
    const time = vi.spyOn(peer.clock, 'nowMs').mockImplementation(() => {
      nowMs += 100;
      return nowMs;
    });
    try {
      for (const chunk of chunks) peer.receive(chunk);
    } finally {
      time.mockRestore();
      decoding.mockRestore();
      scanning.mockRestore();
    }
    return examined / chunks.reduce((sum, { length }) => sum + length, 0);
  }

  const header = (length: number) => `${length.toString(16).padStart(8, '0')}:`;
  const ROUNDS = 300;
  /** Pieces between which everything that stands behind is announced as one frame that ends with a newline. */
  const nested = (piece: (n: number) => string) => {
    let text = '';
    for (let n = 0; n < ROUNDS; n += 1) text = `${piece(n)}${header(text.length)}${text}`;
    return join(text, '\n');
  };

  test.each([
    ['the largest frame', join(...Array(ROUNDS).fill(join(sync('s'), '0003fff6:{')))],
    [
      'the largest frame, with words between',
      join(...Array(ROUNDS).fill(join(sync('s'), note(1), '0003fff6:'))),
    ],
    ['all that is left', nested((n) => sync(`s${n}`).toString())],
    ['all that is left, as a string', nested((n) => `${sync(`s${n}`)}${header(0x3_fff6)}{"x":"`)],
    ['just as much as a scan looks for', join(...Array(ROUNDS).fill(join(sync('s'), '00000400:{"x":"')))],
    ['what is broken', join(...Array(ROUNDS).fill(join(sync('s'), framed('{"x":"'))))],
    [
      'what is broken, with a _Sync at its end',
      join(...Array(ROUNDS).fill(framed(`{"${sync('s').toString().trim()}`))),
    ],
  ])('%s: no byte is looked at more than a few times', (_what, bytes) => {
    for (const size of [bytes.length, 65_536, 1000, 1]) {
      const peer = speak();
      expect(examinedPerByte(inPieces(bytes, size), peer)).toBeLessThan(5);
      expect(peer.story.filter((line) => line.startsWith('answer'))).toHaveLength(ROUNDS);
    }
  });

  test('is not heard when it begins too often, and again after a moment', () => {
    const peer = speak();
    const answers = () => peer.story.filter((line) => line.startsWith('answer')).length;
    const again = join(sync('s'), note(1), '\n');
    peer.receive(join(...Array(100).fill(again)));
    expect(answers()).toBe(64);
    expect(skipped(peer)).toBe(64 + 36 * again.length);
    expect(peer.warnings.filter((line) => line.includes('too often'))).toHaveLength(1);
    peer.clock.advance(1000);
    peer.receive(join(...Array(100).fill(join(sync('s'), HALF_OF_LARGEST))));
    expect(answers()).toBe(74);
    peer.clock.advance(5000);
    peer.receive(sync('z'), note(2));
    expect(peer.story.slice(-2)).toEqual(['answer z', expect.stringMatching(/^note \d+ Note {"n":2}$/)]);
    expect(peer.warnings.filter((line) => line.includes('too often'))).toHaveLength(2);
  });

  test('as many frames as can end at one newline: a look for each of them', () => {
    const candidates = Array.from({ length: 99 }, (_, n) => `${header(1000 - 10 * n)}{`).join('');
    const unit = join(
      sync('s'),
      '0003fff6:',
      candidates,
      Buffer.alloc(10 + 990 - candidates.length + 9, '}'),
      '\n',
    );
    const bytes = join(...Array(200).fill(unit));
    for (const size of [bytes.length, 65_536, 100])
      expect(examinedPerByte(inPieces(bytes, size))).toBeLessThan(64);
  });
});

describe('a link that drops, doubles and flips bytes', () => {
  test('is synchronised again by every register that begins anew', () => {
    const conversation = join(sync('a'), purchase('b'), keepalive('c'), note(4), purchase('e'));
    const alphabet = Buffer.from('0123456789abcdef:{}"\n\\');
    for (let seed = 0; seed < 500; seed += 1) {
      const random = seededRandom(seed);
      const { receive, story } = speak();
      for (let round = 0; round < 3; round += 1) {
        receive(...inPieces(mutated(conversation, random, alphabet), 1 + Math.floor(random() * 100)));
        receive(...inPieces(join(FILLER, sync(`z${round}`)), 1 + Math.floor(random() * 100)));
        expect(story, `seed ${seed}`).toContain(`answer z${round}`);
      }
      expect(story.filter((line) => line.startsWith('finished'))).toEqual([]);
    }
  });

  test('may change a digit of an amount: without a checksum nobody can notice', () => {
    const { receive, requests } = speak();
    receive(
      sync('1'),
      framed({ id: 'p', method: 'Purchase', params: { amount: 100 } })
        .toString()
        .replace('100', '900'),
    );
    expect(requests.map(({ params }) => params.length)).toEqual([14]);
  });
});

describe('silence inside a frame', () => {
  const half = (peer: ReturnType<typeof speak>) => peer.receive(sync('1'), '0000');

  test('ends the connection after 2 s without a byte; each byte begins them anew', () => {
    const peer = speak();
    half(peer);
    for (const byte of '0050:') {
      peer.clock.advance(1999);
      peer.receive(byte);
    }
    expect(peer.story).toEqual(['opened 1', 'answer 1']);
    peer.clock.advance(2000);
    expect(peer.story.slice(2)).toEqual([
      'discard',
      'goodbye JSONRPC_PARSE_ERROR',
      'closed 1 JSONRPC_PARSE_ERROR us',
    ]);
    expect(peer.clock.timerCount).toBe(0);
  });

  test('has no timer between frames', () => {
    const peer = speak();
    peer.receive(sync('1'), note(1));
    expect(peer.clock.timerCount).toBe(0);
    peer.receive('0');
    expect(peer.clock.timerCount).toBe(1);
    peer.receive(note(2).subarray(1));
    expect(peer.clock.timerCount).toBe(0);
    peer.clock.advance(60_000);
    expect(peer.story.at(-1)).toBe('note 1 Note {"n":2}');
  });

  test('does not count while the wire is not read', () => {
    const peer = speak();
    half(peer);
    peer.clock.advance(1000);
    peer.conversation.congested(true);
    peer.clock.advance(60_000);
    peer.conversation.congested(false);
    peer.clock.advance(1999);
    expect(peer.story).toEqual(['opened 1', 'answer 1']);
    peer.clock.advance(1);
    expect(peer.story.at(-1)).toBe('closed 1 JSONRPC_PARSE_ERROR us');
  });

  test('is not believed before what has come meanwhile is read', () => {
    const peer = speak();
    half(peer);
    // The process was held up: the timer fires late, and the bytes are read only after it.
    peer.clock.after(2000, () => peer.receive(note(1).subarray(4)));
    peer.clock.advance(2000);
    expect(peer.story.at(-1)).toBe('note 1 Note {"n":1}');
    expect(peer.clock.timerCount).toBe(0);
  });
});

describe('the end of everything', () => {
  test('is a missed keepalive of ours: goodbye, lost', () => {
    const { receive, story, clock } = speak({ keepalive: { idleMs: 30_000, busyMs: 5000, limitMs: 5000 } });
    receive(sync('1'));
    clock.advance(35_000);
    expect(story.slice(2)).toEqual(['goodbye KEEPALIVE', 'closed 1 KEEPALIVE us', 'finished KEEPALIVE lost']);
  });

  test('is the end of input, when what is open has been answered; also inside a frame', () => {
    for (const tail of ['', '0000']) {
      const { receive, story, conversation, peers, clock } = speak();
      receive(sync('1'), purchase('p'), tail);
      conversation.endOfInput();
      clock.advance(60_000);
      expect(story.slice(3)).toEqual(['inputEnded 1 CONNECTION_CLOSED']);
      peers[0]?.close({ code: 'CONNECTION_CLOSED', text: 'x', by: 'us' });
      expect(story.slice(4)).toEqual([
        'goodbye CONNECTION_CLOSED',
        'closed 1 CONNECTION_CLOSED us',
        'finished CONNECTION_CLOSED ended',
      ]);
    }
  });

  test('is a goodbye of the bridge: nothing is heard after it', () => {
    const { receive, story, peers } = speak();
    receive(sync('1'));
    peers[0]?.close({ code: 'OUTCOME_UNKNOWN', text: 'x', by: 'us' });
    receive(sync('2'));
    expect(story.slice(2)).toEqual([
      'goodbye OUTCOME_UNKNOWN',
      'closed 1 OUTCOME_UNKNOWN us',
      'finished OUTCOME_UNKNOWN ended',
    ]);
  });

  test('is a register that begins anew while the bridge is being stopped', () => {
    const { receive, story, conversation } = speak();
    receive(sync('1'), note(1));
    conversation.stop?.();
    expect(story).toHaveLength(3);
    receive(FILLER, sync('2'));
    expect(story.slice(3)).toEqual([
      'discard',
      'closed 1 CONNECTION_CLOSED peer',
      'finished CONNECTION_CLOSED ended',
    ]);
  });
});

describe('a connection that begins while output does not flow', () => {
  test('does not judge the peer until it does', () => {
    const { receive, story, conversation, clock } = speak({
      keepalive: { idleMs: 30_000, busyMs: 5000, limitMs: 5000 },
    });
    conversation.congested(true);
    receive(sync('1'));
    clock.advance(600_000);
    expect(story).toEqual(['opened 1', 'answer 1']);
    conversation.congested(false);
    clock.advance(35_000);
    expect(story.at(-1)).toBe('finished KEEPALIVE lost');
  });
});
