import { ETX, FS, MAX_FRAME_BYTES, STX } from './frame-decoder.ts';

/** What a frame says. Fields are raw bytes, without what ends them. */
export interface EcrMessage {
  /** Pairs an answer with its request: 0 to 0xFFFFFF. Padding and the case of its digits do not matter. */
  readonly token: number;
  /** A class letter and a hexadecimal digit, such as `S1`. */
  readonly type: string;
  /** As they stand on the wire; a list of attributes behind the last field of a known body is one of them. */
  readonly fields: readonly Buffer[];
}

export type ReadMessage =
  | { readonly ok: true; readonly message: EcrMessage }
  /** Where the header can be read it is told, so that a request can be refused. */
  | { readonly ok: false; readonly why: string; readonly header?: Pick<EcrMessage, 'token' | 'type'> };

export const MAX_TOKEN = 0xff_ff_ff;

/** Reads the content of a frame. The fields are slices of it. */
export function readMessage(content: Buffer): ReadMessage {
  const tokenEnd = content.indexOf(FS);
  const token = readToken(content, tokenEnd);
  if (token === undefined) return { ok: false, why: 'the token is not 1 to 6 hexadecimal digits' };
  const typeEnd = tokenEnd + 1 + TYPE_BYTES;
  const type = readType(content, tokenEnd + 1);
  if (content[typeEnd] !== FS || type === undefined) {
    return { ok: false, why: 'the type is not a letter and a hexadecimal digit' };
  }
  const fields: Buffer[] = [];
  let begin = typeEnd + 1;
  while (begin < content.length) {
    const end = content.indexOf(FS, begin);
    if (end === -1) return { ok: false, why: 'the last field has no end', header: { token, type } };
    fields.push(content.subarray(begin, end));
    begin = end + 1;
  }
  return { ok: true, message: { token, type, fields } };
}

export function isType(text: string): boolean {
  return /^[A-Z][0-9A-F]$/.test(text);
}

/** A whole frame. No field may hold STX, ETX or FS. */
export function encodeFrame({ token, type, fields }: EcrMessage): Buffer {
  return frameAround(token, encodeBody({ type, fields }));
}

/** What stands behind the token, for a message that is said often. */
export interface Body {
  /** From the type up to ETX. */
  readonly bytes: Buffer;
  readonly check: number;
}

export function encodeBody({ type, fields }: Pick<EcrMessage, 'type' | 'fields'>): Body {
  const parts = fields.flatMap((field) => [field, FIELD_END]);
  const bytes = Buffer.concat([Buffer.from(`${type}\x1c`, 'latin1'), ...parts, FRAME_END]);
  let check = 0;
  for (const byte of bytes) check ^= byte;
  return { bytes, check };
}

export function frameAround(token: number, { bytes, check }: Body): Buffer {
  const digits = token.toString(16).toUpperCase();
  const bodyAt = digits.length + 2;
  const frame = Buffer.allocUnsafe(bodyAt + bytes.length + 1);
  let sum = check ^ FS;
  frame[0] = STX;
  for (let at = 0; at < digits.length; at += 1) {
    const digit = digits.charCodeAt(at);
    frame[at + 1] = digit;
    sum ^= digit;
  }
  frame[bodyAt - 1] = FS;
  bytes.copy(frame, bodyAt);
  frame[frame.length - 1] = sum;
  return frame;
}

const FIELD_END = Buffer.from([FS]);
const FRAME_END = Buffer.from([ETX]);

/** Whether a frame with these fields is short enough, whatever its token. */
export function fitsFrame(fields: readonly Buffer[]): boolean {
  return fields.reduce((sum, field) => sum + field.length + 1, MAX_HEADER_BYTES) <= MAX_FRAME_BYTES;
}

/** STX, token, type, their ends, ETX and the check byte. */
const MAX_HEADER_BYTES = 13;
const TYPE_BYTES = 2;

function readToken(content: Buffer, end: number): number | undefined {
  if (end < 1 || end > 6) return undefined;
  let token = 0;
  for (let at = 0; at < end; at += 1) {
    const digit = digitOf(content[at] as number);
    if (digit === -1) return undefined;
    token = token * 16 + digit;
  }
  return token;
}

function digitOf(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const letter = byte | 0x20; // a capital letter becomes a small one
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}

/** The type that begins here, one text for all frames of a type. */
function readType(content: Buffer, at: number): string | undefined {
  const letter = content[at] as number;
  const digit = content[at + 1] as number;
  const number = digit <= 0x46 ? digitOf(digit) : -1;
  if (!(letter >= 0x41 && letter <= 0x5a) || number === -1) return undefined;
  return TYPES[(letter - 0x41) * 16 + number];
}

const TYPES: readonly string[] = Array.from({ length: 26 * 16 }, (_, index) => {
  return String.fromCharCode(0x41 + Math.floor(index / 16)) + (index % 16).toString(16).toUpperCase();
});
