import { itemsOf } from './field-json.ts';
import { readMessage } from './frame.ts';
import { FS, US } from './frame-decoder.ts';

const FIELDS = 22;
const KEY_NAMES_FIELD = 16;
const KEY_NAMES = 9;
const KIND_FIELD = 17;

/**
 * Reads a file with one D5 message without STX, ETX and check byte: token, type and fields, each ended by FS. Its token
 * does not matter. A newline at the end is left out.
 *
 * @returns the fields as they stand there, or what is wrong.
 */
export function readParameters(file: Buffer): readonly Buffer[] | string {
  const read = readMessage(withoutNewline(file));
  if (!read.ok) return read.why;
  const { type, fields } = read.message;
  if (type !== 'D5') return `it holds ${type}, not D5`;
  if (fields.length < FIELDS) return `D5 needs ${FIELDS} fields, and there are ${fields.length}`;
  for (const [index, field] of fields.slice(0, FIELDS).entries()) {
    const text = field.toString('latin1');
    if (index === KEY_NAMES_FIELD) {
      const { length } = itemsOf(field);
      if (field[field.length - 1] !== US || length !== KEY_NAMES)
        return `field ${index + 1} must be a list of ${KEY_NAMES} key names, each ended by the byte 1F`;
    } else if (!/^\d*$/.test(text)) return `field ${index + 1} must be a number or empty`;
  }
  if (!/^[0-3]$/.test(fields[KIND_FIELD]?.toString('latin1') ?? ''))
    return `field ${KIND_FIELD + 1}, the kind of the device, must be 0, 1, 2 or 3`;
  return fields.map((field) => Buffer.from(field));
}

/**
 * What is said without a file: a terminal with a display of 4 lines of 20 characters and every reader, without a
 * printer of its own, or a register.
 *
 * @param kind 0 for a register, 1 for a terminal with its own PIN pad.
 */
export function defaultParameters(kind: 0 | 1): readonly Buffer[] {
  const printer = ['40', '20', '10', '40', '0', '0', '0', '0', '0', '0', '0', '0', '0', '0'];
  const display = ['4', '20'];
  const keys = ['OK', 'STOP', '', 'CLEAR', '', 'UP', 'DOWN', '', ''].map((key) => `${key}\x1f`).join('');
  const readers = ['1', '1', '1', '0'];
  return [...printer, ...display, keys, String(kind), ...readers].map((text) => Buffer.from(text));
}

function withoutNewline(file: Buffer): Buffer {
  const last = file.lastIndexOf(FS);
  const isNewline = /^\r?\n?$/.test(file.toString('latin1', last + 1));
  return last !== -1 && isNewline ? file.subarray(0, last + 1) : file;
}
