import { readFileSync } from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { NexoCodec } from '../../../src/dialect/nexo/codec.ts';
import { encodeLengthPrefixed } from '../../../src/frame/length-prefixed.ts';
import { inPieces } from '../../kit/splits.ts';
import { askTerminal, PURCHASE } from './asking-kit.ts';
import { type Any, converse, paymentBody, requestOf } from './kit.ts';

const FILE = path.join(import.meta.dirname, '../../fixtures/nexo/messages.jsonl');
const MESSAGES = readFileSync(FILE, 'utf8').trimEnd().split('\n');

describe('messages as vendors write them', () => {
  test.each(MESSAGES)('%s is read and written as it was', (line) => {
    const codec = new NexoCodec({ isWrapped: true });
    const read = codec.decode(Buffer.from(line));
    if (!read.ok) throw new Error(read.why);
    const { header, name, body, isWrapped } = read.message;
    // A body has the canonical name, however the category was spelt.
    const written = codec.encode({ header: header.raw, name, body }, isWrapped).toString();
    expect(written).toBe(line);
  });
});

describe('whatever a peer sends', () => {
  const everything = (text: string) =>
    fc.oneof(
      fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
      fc.json().map((json) => Buffer.from(json)),
      fc.nat(text.length - 1).map((at) => Buffer.from(text.slice(0, at))),
      fc
        .tuple(fc.nat(text.length - 1), fc.nat(255))
        .map(([at, byte]) =>
          Buffer.concat([
            Buffer.from(text.slice(0, at)),
            Buffer.from([byte]),
            Buffer.from(text.slice(at + 1)),
          ]),
        ),
    );

  test('a terminal answers it, rejects it or passes it on, and takes the next payment', () => {
    const hostile = fc.constantFrom(...MESSAGES).chain(everything);
    fc.assert(
      fc.property(hostile, (bytes) => {
        const played = converse();
        if (bytes.length > 0) played.conversation.receive(bytes);
        const before = played.requests.length;
        played.send(
          requestOf('Payment', 'last', paymentBody(), { POIID: played.end.memory.poiId ?? 'V400m-1' }),
        );
        expect(played.requests).toHaveLength(before + 1);
      }),
      { numRuns: 300 },
    );
  });

  test('a register takes none of it for the answer to its payment', async () => {
    const played = askTerminal();
    const answer = played.ask('Purchase', PURCHASE);
    const { header } = await played.asked('Payment');
    let given: Any;
    void answer.then((settled) => {
      given = settled;
    });
    const hostile = fc.constantFrom(...MESSAGES).chain(everything);
    await fc.assert(
      fc.asyncProperty(hostile, async (bytes) => {
        played.system.receive(bytes);
        await Promise.resolve();
        expect(given).toBeUndefined();
      }),
      { numRuns: 300 },
    );
    played.respond({ header }, { Response: { Result: 'Failure', ErrorCondition: 'Refusal' } });
    expect((await answer).error.data.string_code).toBe('DECLINED');
  });

  test('a message over the limit is rejected before it is whole, whatever pieces it comes in', () => {
    for (const size of [1, 7, 4096]) {
      const played = converse({ framing: 'stream', maxFrameBytes: 1000 });
      const frame = encodeLengthPrefixed(Buffer.alloc(1001, '{'));
      for (const piece of inPieces(frame.subarray(0, 4), size)) played.conversation.receive(piece);
      expect(played.sent[0].SaleToPOIRequest.EventNotification.EventToNotify).toBe('Reject');
      played.conversation.receive(frame.subarray(4));
      expect(played.sent).toHaveLength(1);
    }
  });

  test('half a message and the end of input leave nothing open', () => {
    const played = converse({ framing: 'stream' });
    const frame = encodeLengthPrefixed(Buffer.from(JSON.stringify(requestOf('Payment', '1', paymentBody()))));
    played.conversation.receive(frame.subarray(0, frame.length / 2));
    played.conversation.endOfInput();
    expect(played.requests).toEqual([]);
    expect(played.reports).toEqual(['inputEnded CONNECTION_CLOSED']);
  });

  test('a depth of 10 000 costs no stack', () => {
    const played = converse();
    const deep = `${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}`;
    played.conversation.receive(Buffer.from(`{"SaleToPOIRequest":${deep}}`));
    expect(played.sent[0].SaleToPOIRequest.EventNotification.EventToNotify).toBe('Reject');
  });
});
