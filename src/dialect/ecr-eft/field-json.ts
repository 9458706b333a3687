import { ETX, FS, STX, US } from './frame-decoder.ts';

/**
 * A field as an application sees it: printable ASCII as a string, a list as `{"list":[…]}`, everything else as
 * `{"hex":"…"}`, so that no byte is lost or guessed at.
 */
export type FieldJson = string | { readonly hex: string } | { readonly list: readonly FieldJson[] };

export function jsonOfField(field: Buffer): FieldJson {
  if (isPrintable(field)) return field.toString('latin1');
  if (field[field.length - 1] !== US) return { hex: field.toString('hex').toUpperCase() };
  return { list: itemsOf(field).map((item) => jsonOfField(item)) };
}

/** The items of a list; the last one may lack its end. */
export function itemsOf(field: Buffer): Buffer[] {
  const items: Buffer[] = [];
  let begin = 0;
  while (begin < field.length) {
    const end = field.indexOf(US, begin);
    items.push(field.subarray(begin, end === -1 ? field.length : end));
    if (end === -1) break;
    begin = end + 1;
  }
  return items;
}

/** The bytes of what `jsonOfField` makes; also a whole number. Undefined for what is no field. */
export function fieldOfJson(value: unknown): Buffer | undefined {
  const bytes = bytesOf(value);
  return bytes === undefined || FORBIDDEN.some((byte) => bytes.includes(byte)) ? undefined : bytes;
}

/**
 * Printable ASCII, at most so many characters: other letters lose their marks, what is left becomes a question mark.
 */
export function plainText(text: string, maxLength: number): Buffer {
  const plain = text
    .replace(/[łŁ]/g, (letter) => (letter === 'ł' ? 'l' : 'L'))
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .replace(/\s+/g, ' ')
    .replace(/[^\x20-\x7e]/gu, '?');
  return Buffer.from(plain.slice(0, maxLength), 'latin1');
}

/** No field can hold them: they end it, or the frame. */
const FORBIDDEN = [STX, ETX, FS];

function bytesOf(value: unknown): Buffer | undefined {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? Buffer.from(String(value)) : undefined;
  if (typeof value === 'string') return /^[\x20-\x7e]*$/.test(value) ? Buffer.from(value) : undefined;
  if (typeof value !== 'object' || value === null) return undefined;
  if ('hex' in value) {
    const { hex } = value;
    return typeof hex === 'string' && /^(?:[0-9a-f]{2})*$/i.test(hex) ? Buffer.from(hex, 'hex') : undefined;
  }
  if (!('list' in value) || !Array.isArray(value.list)) return undefined;
  const items = value.list.map(bytesOf);
  if (!items.every((item) => item !== undefined && !item.includes(US))) return undefined;
  return Buffer.concat(items.flatMap((item) => (item === undefined ? [] : [item, END])));
}

const END = Buffer.from([US]);

function isPrintable(field: Buffer): boolean {
  return field.every((byte) => byte >= 0x20 && byte <= 0x7e);
}
