import { describe, expect, test } from 'vitest';
import { encodeFrame, readMessage } from '../../../src/dialect/ecr-eft/frame.ts';
import { ACK, ETX, FrameDecoder, FS, NAK, STX } from '../../../src/dialect/ecr-eft/frame-decoder.ts';
import { mutated, seededRandom } from '../../kit/random.ts';
import { byteByByte, everySplit, inPieces } from '../../kit/splits.ts';
import { decode, FRAMES, frameNamed, frameOf, messageOf, WRONG } from './frames.ts';

const GOOD = [...FRAMES].filter(([name]) => name !== WRONG);
const contentOf = (frame: Buffer) => frame.subarray(1, -2).toString('latin1');

describe('the worked frames', () => {
  test.each(GOOD)('%s is found at every split, byte by byte, and with what follows it', (_name, frame) => {
    const next = frameNamed('t1');
    const both = Buffer.concat([frame, next]);
    const expected = [contentOf(frame), contentOf(next)];
    for (const chunks of everySplit(both)) expect(decode(chunks)).toEqual(expected);
    expect(decode(byteByByte(both))).toEqual(expected);
  });

  test('one with a wrong check byte is rejected at every split, and the next one is found', () => {
    const both = Buffer.concat([frameNamed(WRONG), frameNamed('t1')]);
    const expected = ['rejected check-byte', contentOf(frameNamed('t1'))];
    for (const chunks of everySplit(both)) expect(decode(chunks)).toEqual(expected);
  });

  test.each(GOOD)('%s is the same when it is encoded again, but for padding', (_name, frame) => {
    const read = readMessage(frame.subarray(1, -2));
    expect(read).toMatchObject({ ok: true });
    if (!read.ok) return;
    const encoded = encodeFrame(read.message);
    expect(readMessage(encoded.subarray(1, -2))).toEqual(read);
    if (frame !== frameNamed('t1-padded-token')) expect(encoded).toEqual(frame);
  });

  test('all of them in one chunk, with one-byte answers between them, are found in order', () => {
    const parts = GOOD.flatMap(([, frame]) => [Buffer.from([ACK]), frame, Buffer.from([NAK])]);
    const expected = GOOD.flatMap(([, frame]) => ['ACK', contentOf(frame), 'NAK']);
    expect(decode([Buffer.concat(parts)])).toEqual(expected);
  });

  test('the S1 says what it says', () => {
    const read = readMessage(frameNamed('s1').subarray(1, -2));
    const fields = ['S', 'ABC1234567890', '6', '928', '828', '100', 'PLN', '0', '30000'];
    expect(read).toEqual({ ok: true, message: messageOf(0x2a31, 'S1', ...fields) });
  });
});

describe('the header', () => {
  test('a token is a number: padding and case do not matter, zero is 0', () => {
    const tokenOf = (text: string) => {
      const read = readMessage(Buffer.from(`${text}\x1cT1\x1c`));
      return read.ok ? read.message.token : undefined;
    };
    expect(tokenOf('000102')).toBe(0x102);
    expect(tokenOf('aBcDeF')).toBe(0xabcdef);
    expect(tokenOf('0')).toBe(0);
    for (const wrong of ['', '1234567', '12g', '-1', ' 1', '1\x00', '\x11', '\xc1', '0x1']) {
      expect(tokenOf(wrong), JSON.stringify(wrong)).toBeUndefined();
    }
    expect(frameOf(0, 'T1').subarray(1, 2).toString()).toBe('0');
    expect(frameOf(0xab, 'T1').subarray(1, 3).toString()).toBe('AB');
  });

  test('a type is a letter and a hexadecimal digit, also an unknown one', () => {
    for (const type of ['T1', 'DA', 'S9', 'ZF'])
      expect(readMessage(Buffer.from(`1\x1c${type}\x1c`))).toMatchObject({ ok: true, message: { type } });
    for (const type of ['', 'T', 'T1x', 't1', 'TG', '1T', 'T\x00'])
      expect(readMessage(Buffer.from(`1\x1c${type}\x1c`)).ok, JSON.stringify(type)).toBe(false);
    expect(readMessage(Buffer.from('1\x1cT1')).ok).toBe(false);
    expect(readMessage(Buffer.from('1')).ok).toBe(false);
  });

  test('a last field without its end is a fault that names the header', () => {
    const read = readMessage(Buffer.from('1\x1cS1\x1cS\x1cABC'));
    expect(read).toEqual({
      ok: false,
      why: 'the last field has no end',
      header: { token: 1, type: 'S1' },
    });
  });

  test('empty fields, trailing fields and bytes above 7F are kept', () => {
    const read = readMessage(Buffer.from('1\x1cT1\x1c\x1c\xb3\xff\x1c\x1c', 'latin1'));
    expect(read).toEqual({ ok: true, message: messageOf(1, 'T1', '', '\xb3\xff', '') });
  });
});

describe('noise', () => {
  test('everything before a frame that is no answer is skipped and counted', () => {
    const noise = Buffer.from('220 welcome\r\n\x00\xff\x03\x1c', 'latin1');
    const bytes = Buffer.concat([noise, frameNamed('t1'), Buffer.from([0]), frameNamed('p1')]);
    for (const chunks of everySplit(bytes)) {
      const decoder = new FrameDecoder();
      expect(decode(chunks, decoder)).toEqual([contentOf(frameNamed('t1')), contentOf(frameNamed('p1'))]);
      expect(decoder.skippedBytes).toBe(noise.length + 1);
    }
  });

  test('an STX inside a frame begins it anew', () => {
    const bytes = Buffer.concat([frameNamed('s1').subarray(0, 20), frameNamed('t1')]);
    for (const chunks of everySplit(bytes)) {
      const decoder = new FrameDecoder();
      expect(decode(chunks, decoder)).toEqual([contentOf(frameNamed('t1'))]);
      expect(decoder.skippedBytes).toBe(20);
    }
  });

  test('STX ETX is noise, and what follows is no check byte', () => {
    const bytes = Buffer.from([STX, ETX, ...frameNamed('t1'), STX, ETX, ACK]);
    for (const chunks of everySplit(bytes)) {
      const decoder = new FrameDecoder();
      expect(decode(chunks, decoder)).toEqual([contentOf(frameNamed('t1')), 'ACK']);
      expect(decoder.skippedBytes).toBe(4);
    }
  });

  test('a frame of 4096 bytes is taken, one byte more is rejected once its check byte has come', () => {
    const frameOfSize = (size: number) => frameOf(1, 'K3', 'x'.repeat(size - frameOf(1, 'K3', '').length));
    const [fits, tooLong] = [frameOfSize(4096), frameOfSize(4097)];
    expect(fits).toHaveLength(4096);
    for (const size of [1, 7, 1000, 4096, 5000]) {
      expect(decode(inPieces(fits, size))).toEqual([contentOf(fits)]);
      expect(decode(inPieces(tooLong, size))).toEqual(['rejected too-long']);
      const both = Buffer.concat([tooLong, frameNamed('t1')]);
      expect(decode(inPieces(both, size))).toEqual(['rejected too-long', contentOf(frameNamed('t1'))]);
    }
    expect(decode([tooLong.subarray(0, -1)])).toEqual([]);
  });

  test('a frame without an end is dropped when another one begins', () => {
    const decoder = new FrameDecoder();
    const endless = Buffer.from(`\x02${'x'.repeat(100_000)}`);
    expect(decode([endless, endless, frameNamed('t1')], decoder)).toEqual([contentOf(frameNamed('t1'))]);
    expect(decoder.skippedBytes).toBe(2 * endless.length);
  });

  test('nothing is looked at once it is stopped, from inside a call, too', () => {
    const decoder = new FrameDecoder();
    let frames = 0;
    decoder.push(Buffer.concat([frameNamed('t1'), frameNamed('t1')]), {
      frame: () => {
        frames += 1;
        decoder.stop();
      },
      rejected: () => {},
      acknowledged: () => {},
      refused: () => {},
    });
    expect(frames).toBe(1);
  });
});

describe('random bytes', () => {
  test('what is encoded is read back, and encoded the same again, at any piece size', () => {
    const random = seededRandom(18);
    const byte = () => {
      const value = Math.floor(random() * 256);
      return [STX, ETX, FS].includes(value) ? 0x41 : value;
    };
    for (let round = 0; round < 500; round += 1) {
      const fields = Array.from({ length: Math.floor(random() * 8) }, () =>
        Buffer.from(Array.from({ length: Math.floor(random() * 30) }, byte)),
      );
      const type = `${'TSAPIDKMLB'[Math.floor(random() * 10)]}${'0123456789ABCDEF'[Math.floor(random() * 16)]}`;
      const message = { token: Math.floor(random() * 0x1000000), type, fields };
      const frame = encodeFrame(message);
      const pieces = inPieces(frame, 1 + Math.floor(random() * frame.length));
      expect(decode(pieces)).toEqual([contentOf(frame)]);
      const read = readMessage(frame.subarray(1, -2));
      expect(read).toEqual({ ok: true, message });
      if (read.ok) expect(encodeFrame(read.message)).toEqual(frame);
    }
  });

  test('damaged streams are decoded the same however they are cut, and every byte is accounted for', () => {
    const random = seededRandom(4096);
    const alphabet = Buffer.from([STX, ETX, ACK, NAK, FS, 0x31, 0x54]);
    const whole = Buffer.concat(GOOD.map(([, frame]) => frame));
    for (let round = 0; round < 300; round += 1) {
      const bytes = mutated(whole, random, alphabet);
      const expected = decode([bytes]);
      const decoder = new FrameDecoder();
      expect(decode(inPieces(bytes, 1 + Math.floor(random() * 40)), decoder)).toEqual(expected);
      expect(expected).toEqual(plainly(bytes));
    }
  });
});

/** The same by the words of the protocol, with no state: a second opinion. */
function plainly(bytes: Buffer): string[] {
  const found: string[] = [];
  let text = bytes.toString('latin1');
  for (;;) {
    const next = PIECE.exec(text);
    if (next === null) return found;
    const [token, content, check] = next;
    if (token === '\x06') found.push('ACK');
    else if (token === '\x15') found.push('NAK');
    else if (content !== undefined) {
      const sum = [...content].reduce((xor, letter) => xor ^ letter.charCodeAt(0), ETX);
      found.push(check?.charCodeAt(0) === sum ? content : 'rejected check-byte');
    }
    text = text.slice(next.index + token.length);
  }
}

/** A one-byte answer; a whole frame; one that another one begins in; STX ETX; the beginning of one at the end. */
const PIECE =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are the protocol's
  /[\x06\x15]|\x02([^\x02\x03]+)\x03([\s\S])|\x02[^\x02\x03]*(?=\x02)|\x02\x03|\x02[\s\S]*$/;
