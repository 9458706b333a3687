import { expect, test } from 'vitest';
import { Gate } from '../../src/bridge/gate.ts';
import type { Attachment, AttachmentUser, OutgoingLine, Refusal } from '../../src/channel/channel.ts';
import { settle } from './kit.ts';

function gated() {
  const sent: string[] = [];
  const withdrawn: string[] = [];
  const refused: Refusal[] = [];
  const user = {} as AttachmentUser;
  const attachment = {
    send: (of: AttachmentUser, { bytes }: OutgoingLine) => {
      expect(of).toBe(user);
      sent.push(bytes.toString());
      return { withdraw: () => withdrawn.push(bytes.toString()) === 1 };
    },
  } as unknown as Attachment;
  const gate = new Gate(attachment, user);
  const send = (bytes: Buffer | string) =>
    gate.send({
      bytes: Buffer.from(bytes),
      kind: 'request',
      fate: { refused: (why) => refused.push(why) },
    });
  return { gate, send, sent, withdrawn, refused };
}

test('lines go on at once, until they are held back; then they wait for all holders, in their order', () => {
  const { gate, send, sent } = gated();
  send('a');
  expect(sent).toEqual(['a']);
  const [one, other] = [gate.hold(), gate.hold()];
  send('b');
  send('c');
  one();
  one(); // safe to repeat
  expect(sent).toEqual(['a']);
  other();
  expect(sent).toEqual(['a', 'b', 'c']);
  send('d');
  expect(sent).toEqual(['a', 'b', 'c', 'd']);
  gate.hold()();
  expect(sent).toHaveLength(4);
});

test('what waits keeps its bytes, whatever becomes of the buffer that they came in', () => {
  const { gate, sent } = gated();
  const letGo = gate.hold();
  const bytes = Buffer.from('abc');
  gate.send({ bytes, kind: 'request' });
  bytes.fill(0);
  letGo();
  expect(sent).toEqual(['abc']);
});

test('a line can be withdrawn once while it waits, and later as its attachment allows', () => {
  const { gate, send, sent, withdrawn } = gated();
  const letGo = gate.hold();
  const [one, other] = [send('a'), send('b')];
  expect([one.withdraw(), one.withdraw()]).toEqual([true, false]);
  letGo();
  expect(sent).toEqual(['b']);
  expect([other.withdraw(), other.withdraw()]).toEqual([true, false]);
  expect(withdrawn).toEqual(['b', 'b']);
  expect(one.withdraw()).toBe(false);
});

test('4 MiB may wait; what is beyond is refused with BUSY in a later turn, and is not handed over later', async () => {
  const { gate, send, sent, refused } = gated();
  const letGo = gate.hold();
  const half = Buffer.alloc(2 * 1024 * 1024, 'x');
  send(half);
  send(half);
  const beyond = send('y');
  expect(refused).toEqual([]);
  expect(beyond.withdraw()).toBe(false);
  gate.send({ bytes: half, kind: 'request' }); // nobody wants to know
  gate.send({ bytes: half, kind: 'request', fate: {} });
  await settle();
  expect(refused).toEqual(['BUSY']);
  letGo();
  expect(sent.map(({ length }) => length)).toEqual([half.length, half.length]);
  const again = gate.hold();
  send(half);
  again();
  expect(sent).toHaveLength(3); // there is room again
});
