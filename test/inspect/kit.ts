import { readFileSync } from 'node:fs';
import path from 'node:path';
import { encodeFrame } from '../../src/dialect/jsonpos/frame.ts';
import { findDialect } from '../../src/dialect/registry.ts';
import type { DialectRow } from '../../src/dialect/row.ts';
import { encodeLengthPrefixed } from '../../src/frame/length-prefixed.ts';
import type { Segment } from '../../src/inspect/segment.ts';
import { frameNamed, frameOf } from '../dialect/ecr-eft/frames.ts';

const fixture = (...names: string[]) => readFileSync(path.join(import.meta.dirname, '../fixtures', ...names));

export function rowOf(name: string): DialectRow {
  const row = findDialect(name);
  if (row === undefined) throw new RangeError(name);
  return row;
}

export const PAN = '4111111111111111';

export function jsonposFrame(message: object): Buffer {
  return encodeFrame([JSON.stringify({ jsonrpc: '2.0', ...message })], 1_000_000) ?? Buffer.alloc(0);
}

/** What a register says first, in each dialect that is spoken on a stream, and what is to be seen of it. */
export const SPOKEN: readonly {
  readonly dialect: string;
  readonly bytes: Buffer;
  readonly seen: readonly string[];
}[] = [
  {
    dialect: 'jsonpos',
    bytes: fixture('jsonpos', 'accept', 'purchase-then-keepalive.frames'),
    seen: ['request Purchase', 'request _Keepalive'],
  },
  {
    dialect: 'ecr-eft',
    bytes: Buffer.concat([frameOf(0xa1, 'T1'), Buffer.from([0x06]), frameOf(0xa2, 'S1', '10', '1230')]),
    seen: ['request T1', 'acknowledgement ACK', 'request S1'],
  },
  { dialect: 'sca', bytes: fixture('sca', 'start.xml'), seen: ['request SESSION.START'] },
  {
    dialect: 'nexo',
    bytes: Buffer.concat(
      fixture('nexo', 'messages.jsonl')
        .toString()
        .trimEnd()
        .split('\n')
        .slice(0, 1)
        .map((text) => encodeLengthPrefixed(Buffer.from(text))),
    ),
    seen: ['request PaymentRequest'],
  },
  {
    dialect: 'openfsc',
    bytes: Buffer.from('S0 PUMPS\r\n* CAPABILITY PUMPS PRICES\r\nS1 HEARTBEAT\r\n'),
    seen: ['request PUMPS', 'notification CAPABILITY', 'request HEARTBEAT'],
  },
];

export const WRONG_CHECK_BYTE = frameNamed('t1-wrong-check-byte');

export function segment(bytes: Buffer | string, more: Partial<Segment> = {}): Segment {
  return { stream: 'raw', side: 0, timeMs: undefined, bytes: Buffer.from(bytes), ...more };
}
