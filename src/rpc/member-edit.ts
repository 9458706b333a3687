import { scanObject } from './scan.ts';

/**
 * Puts another JSON text in the place of a top-level member's value; every other byte stays as it is.
 *
 * @param object a valid JSON object.
 * @returns the object as it was where it has no such member.
 */
export function replaceMember(object: Buffer, name: string, text: string): Buffer {
  const [value] = scanObject(object, [name]).values;
  if (value === undefined) return object;
  const from = value.byteOffset - object.byteOffset;
  return Buffer.concat([object.subarray(0, from), Buffer.from(text), object.subarray(from + value.length)]);
}

/** Puts a member before all others of a valid JSON object. */
export function prependMember(object: Buffer, name: string, text: string): Buffer {
  const at = object.indexOf(BRACE) + 1;
  const isEmpty = scanObject(object, []).ok && /^\s*\}/.test(object.toString('latin1', at));
  const member = `${JSON.stringify(name)}:${text}${isEmpty ? '' : ','}`;
  return Buffer.concat([object.subarray(0, at), Buffer.from(member), object.subarray(at)]);
}

const BRACE = 0x7b;
