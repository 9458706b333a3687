import { readFileSync } from 'node:fs';
import path from 'node:path';
import { type EcrMessage, encodeFrame } from '../../../src/dialect/ecr-eft/frame.ts';
import { FrameDecoder } from '../../../src/dialect/ecr-eft/frame-decoder.ts';

const FILE = path.join(import.meta.dirname, '../../fixtures/ecr-eft/frames.txt');

/** The worked frames by name. */
export const FRAMES: ReadonlyMap<string, Buffer> = new Map(
  readFileSync(FILE, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => {
      const [name = '', ...bytes] = line.split(' ');
      return [name, Buffer.from(bytes.join(''), 'hex')] as const;
    }),
);

export function frameNamed(name: string): Buffer {
  const frame = FRAMES.get(name);
  if (frame === undefined) throw new RangeError(`no frame ${name}`);
  return frame;
}

export const WRONG = 't1-wrong-check-byte';

/** A frame from texts; each character is one byte. */
export function frameOf(token: number, type: string, ...fields: string[]): Buffer {
  return encodeFrame(messageOf(token, type, ...fields));
}

export function messageOf(token: number, type: string, ...fields: string[]): EcrMessage {
  return { token, type, fields: fields.map((field) => Buffer.from(field, 'latin1')) };
}

/** Everything that chunks consist of, in a form that is easy to compare. */
export function decode(chunks: readonly Buffer[], decoder = new FrameDecoder()): string[] {
  const found: string[] = [];
  for (const chunk of chunks) {
    decoder.push(chunk, {
      frame: (content) => found.push(content.toString('latin1')),
      rejected: (why) => found.push(`rejected ${why}`),
      acknowledged: () => found.push('ACK'),
      refused: () => found.push('NAK'),
    });
  }
  return found;
}

/** A frame with its check byte around whatever content. */
export function rawFrame(content: string): Buffer {
  const bytes = Buffer.from(`${content}\x03`, 'latin1');
  return Buffer.from([0x02, ...bytes, bytes.reduce((xor, byte) => xor ^ byte, 0)]);
}
