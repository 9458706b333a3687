import { errorText } from '../rpc/error-object.ts';

/**
 * The lines that the bridge writes to applications: one JSON-RPC 2.0 object, UTF-8, ended by LF. A value that came from
 * somebody else keeps its own text; only line breaks between its tokens become spaces.
 */

export interface LineHead {
  readonly connection: string;
  /** As it was written by who chose it: a JSON string or number. */
  readonly idText?: string;
}

export function requestLine(head: LineHead, methodText: string, params: Buffer): Buffer {
  return line(`${opening(head)},"method":${methodText},"params":`, params);
}

export function answerLine(head: LineHead, kind: 'result' | 'error', text: Buffer): Buffer {
  return line(`${opening(head)},"${kind}":`, text);
}

/** A notification of the bridge's own; `params` is plain data. */
export function bridgeLine(connection: string, method: string, params: object): Buffer {
  return requestLine({ connection }, JSON.stringify(method), Buffer.from(JSON.stringify(params)));
}

/** Tells an application what was wrong with a line of its own; the id is null where none could be read. */
export function complaintLine(
  connection: string | undefined,
  idText: string | undefined,
  code: string,
  details: string,
  about?: string,
): Buffer {
  const error = errorText(code, details, about === undefined ? {} : { id: about });
  const start = connection === undefined ? '{' : `{"connection":${JSON.stringify(connection)},`;
  return line(`${start}"jsonrpc":"2.0","id":${idText ?? 'null'},"error":`, error);
}

function opening({ connection, idText }: LineHead): string {
  const start = `{"connection":${JSON.stringify(connection)},"jsonrpc":"2.0"`;
  return idText === undefined ? start : `${start},"id":${idText}`;
}

function line(head: string, value: Buffer): Buffer {
  const headBytes = Buffer.byteLength(head);
  const bytes = Buffer.allocUnsafe(headBytes + value.length + 2);
  bytes.write(head);
  value.copy(bytes, headBytes);
  joinTokens(bytes.subarray(headBytes, headBytes + value.length));
  bytes[bytes.length - 2] = BRACE;
  bytes[bytes.length - 1] = LF;
  return bytes;
}

/** Valid JSON has line breaks only between tokens, where a space means the same. */
function joinTokens(value: Buffer): void {
  for (const lineBreak of [LF, CR]) {
    for (let at = value.indexOf(lineBreak); at !== -1; at = value.indexOf(lineBreak, at + 1))
      value[at] = SPACE;
  }
}

const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const BRACE = 0x7d;
