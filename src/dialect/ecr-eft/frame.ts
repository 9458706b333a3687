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
  const type = content.toString('latin1', tokenEnd + 1, typeEnd);
  if (content[typeEnd] !== FS || !isType(type)) {
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
  const header = `${token.toString(16).toUpperCase()}\x1c${type}\x1c`;
  const bodyBytes = fields.reduce((sum, field) => sum + field.length + 1, 0);
  const frame = Buffer.allocUnsafe(header.length + bodyBytes + 3);
  frame[0] = STX;
  let at = 1 + frame.write(header, 1, 'latin1');
  for (const field of fields) {
    at += field.copy(frame, at);
    frame[at++] = FS;
  }
  frame[at++] = ETX;
  let check = 0;
  for (let index = 1; index < at; index += 1) check ^= frame[index] as number;
  frame[at] = check;
  return frame;
}

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
    const digit = HEX_DIGITS.indexOf(String.fromCharCode((content[at] as number) | 0x20));
    if (digit === -1 || (content[at] as number) < 0x30) return undefined;
    token = token * 16 + digit;
  }
  return token;
}

/** `| 0x20` leaves digits as they are and turns capital letters into small ones. */
const HEX_DIGITS = '0123456789abcdef';
