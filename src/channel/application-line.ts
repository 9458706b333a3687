import { errorText } from '../rpc/error-object.ts';

/**
 * The lines that the bridge writes to applications: one JSON-RPC 2.0 object, UTF-8, ended by LF. A value that came from
 * somebody else keeps its own text; only line breaks between its tokens become spaces.
 *
 * Their bytes share slabs of 64 KiB: `ownLine` for what is kept.
 */

/** How every line about a connection begins, with its register where one is named; worked out once a connection. */
export function lineStart(connection: string, register?: string): string {
  const whose = register === undefined ? '' : `"register":${JSON.stringify(register)},`;
  return `{"connection":${JSON.stringify(connection)},${whose}"jsonrpc":"2.0"`;
}

/** `idText` and `methodText` as they were written by who chose them: a JSON string or number. */
export function requestLine(start: string, idText: string, methodText: string, params: Buffer): Buffer {
  return line(`${start},"id":${idText},"method":${methodText},"params":`, params);
}

export function notificationLine(start: string, methodText: string, params: Buffer): Buffer {
  return line(`${start},"method":${methodText},"params":`, params);
}

export function answerLine(start: string, idText: string, kind: 'result' | 'error', text: Buffer): Buffer {
  return line(`${start},"id":${idText},"${kind}":`, text);
}

/** A notification of the bridge's own; `params` is plain data. */
export function bridgeLine(start: string, method: string, params: object): Buffer {
  return notificationLine(start, JSON.stringify(method), Buffer.from(JSON.stringify(params)));
}

/** Tells an application what was wrong with a line of its own; the id is null where none could be read. */
export function complaintLine(
  start: string | undefined,
  idText: string | undefined,
  code: string,
  details: string,
  about?: string,
): Buffer {
  const message = ABOUT_PEER.get(code);
  const error = errorText(code, details, {
    ...(message !== undefined && { message }),
    ...(about !== undefined && { id: about }),
  });
  return line(`${start ?? '{"jsonrpc":"2.0"'},"id":${idText ?? 'null'},"error":`, error);
}

/** What these codes mean on the way to an application: the peer, not the terminal, is busy or silent. */
const ABOUT_PEER = new Map([
  ['BUSY', 'The peer takes no more requests for now.'],
  ['TIMEOUT', 'The peer has not answered in time.'],
]);

/** The same line in memory of its own, so that what is kept keeps no slab alive. */
export function ownLine(line: Buffer): Buffer {
  const own = Buffer.allocUnsafeSlow(line.length);
  own.set(line);
  return own;
}

function line(head: string, value: Buffer): Buffer {
  const room = MAX_BYTES_A_UNIT * head.length + value.length + TAIL_BYTES;
  if (room > MAX_SHARED_BYTES) return build(head, value, Buffer.allocUnsafeSlow(room), 0);
  if (used + room > slab.length) {
    slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
    used = 0;
  }
  const bytes = build(head, value, slab, used);
  used += bytes.length;
  return bytes;
}

function build(head: string, value: Buffer, memory: Buffer, from: number): Buffer {
  const valueAt = from + memory.write(head, from);
  const end = valueAt + value.length;
  memory.set(value, valueAt);
  memory[end] = BRACE;
  memory[end + 1] = LF;
  if (value.includes(LF) || value.includes(CR)) joinTokens(memory.subarray(valueAt, end));
  return memory.subarray(from, end + TAIL_BYTES);
}

/** Valid JSON has line breaks only between tokens, where a space means the same. */
function joinTokens(value: Buffer): void {
  for (const lineBreak of [LF, CR]) {
    for (let at = value.indexOf(lineBreak); at !== -1; at = value.indexOf(lineBreak, at + 1))
      value[at] = SPACE;
  }
}

/** Eight times Node's own pool: a line of 1 KB costs a third of what it does with that. */
const SLAB_BYTES = 64 * 1024;
/** A longer one gets memory of its own, so that little of a slab is left over. */
const MAX_SHARED_BYTES = 8 * 1024;
let slab = Buffer.alloc(0);
let used = 0;

/** UTF-8 of one UTF-16 unit. */
const MAX_BYTES_A_UNIT = 3;
const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const BRACE = 0x7d;
/** The closing brace and the LF. */
const TAIL_BYTES = 2;
