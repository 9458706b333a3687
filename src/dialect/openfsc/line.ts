import { LineDecoder } from '../../frame/lines.ts';
import { type Charset, decodeText, encodeText } from './charset.ts';

/** Longest line, its CRLF included. No source names a limit; the longest real line has some 300 bytes. */
export const MAX_LINE_BYTES = 8192;
const LINE_END_BYTES = 2;

/** Of the initial connection, whose lines have no prefix. */
export const INITIAL = '';

/** Where a line belongs: the session in its prefix, and its tag. */
export interface Address {
  readonly session: string;
  /** `*` on a notification. */
  readonly tag: string;
}

/** A line that can be read; whether anybody knows its method is another question. */
export interface Line extends Address {
  readonly kind: 'line';
  readonly method: string;
  /** What stands behind the method, as it came: see `readArguments`. */
  readonly rest: string;
}

/** A line that cannot. */
export interface LineFault {
  readonly kind: 'fault';
  readonly code: 400 | 406;
  /** A plain sentence that quotes nothing of the line. */
  readonly why: string;
  /** Its first word, to be answered under; undefined where that could not be read, or asks for no answer. */
  readonly head: string | undefined;
  /** After an overlong line there is no trust in what follows. */
  readonly isOverlong: boolean;
}

/**
 * Splits the bytes of one connection into lines and reads them, in the role of site or of server.
 *
 * Shape:  `[SESSION.]TAG SP METHOD [arguments]` CRLF; a bare LF, empty lines and spaces behind a line are put up with
 * Limits: MAX_LINE_BYTES; a longer line is a fault, reported as soon as it is too long, and the last thing that is read
 * Errors: none thrown; any other fault is reported in its place and reading goes on
 * Memory: lines that carry secrets are overwritten in the chunk
 * Source: OpenFSC 1.0, grammar
 *
 * @param charsetOf the charset of a session's lines; asked for each line, so a change counts from the next one on.
 */
export class LineReader {
  readonly #decoder = new LineDecoder({ maxLineBytes: MAX_LINE_BYTES - LINE_END_BYTES });
  readonly #charsetOf: (session: string) => Charset;
  #isStopped = false;

  constructor(charsetOf: (session: string) => Charset) {
    this.#charsetOf = charsetOf;
  }

  push(chunk: Buffer, read: (line: Line | LineFault) => void): void {
    if (this.#isStopped) return;
    this.#decoder.push(chunk, {
      line: (bytes) => {
        if (this.#isStopped) return;
        const line = readLine(bytes, this.#charsetOf);
        if (line.kind === 'fault' || CARRIES_SECRETS.has(line.method)) bytes.fill(0);
        read(line);
      },
      overlong: (_bytes, head) => this.#overlong(head, read),
    });
    const head = this.#decoder.overlongHead;
    if (head !== undefined) this.#overlong(head, read);
  }

  /** Nothing comes out any more, not even from the chunk at hand. */
  stop(): void {
    this.#isStopped = true;
  }

  #overlong(head: Buffer, read: (fault: LineFault) => void): void {
    if (this.#isStopped) return;
    this.#isStopped = true;
    read(fault(400, 'the line is too long', headOf(head), true));
  }
}

/** One line without its line end. */
export function readLine(bytes: Buffer, charsetOf: (session: string) => Charset): Line | LineFault {
  const end = bytes.indexOf(SPACE);
  const first = bytes.toString('latin1', 0, end === -1 ? bytes.length : end);
  const address = addressOf(first);
  const text = decodeText(bytes, charsetOf(address?.session ?? INITIAL));
  if (text === undefined) return fault(406, 'the bytes do not fit the charset', headOf(bytes));
  if (CONTROL.test(text)) return fault(400, 'there is a control character in the line', headOf(bytes));
  if (address === undefined) return fault(400, 'the tag is malformed', headOf(bytes));
  const [, method, rest = ''] = METHOD_AND_REST.exec(text.slice(first.length)) ?? [];
  if (method === undefined) return fault(400, 'the method is missing or malformed', headOf(bytes));
  return { kind: 'line', ...address, method, rest };
}

function addressOf(first: string): Address | undefined {
  const dot = first.indexOf('.');
  const session = dot === -1 ? INITIAL : first.slice(0, dot);
  const tag = first.slice(dot + 1);
  if (dot === 0 || !SESSION.test(`${session}`) || !TAG.test(tag)) return undefined;
  return { session, tag };
}

/** The first word of a request, with a tag that could be meant as one. */
function headOf(bytes: Buffer): string | undefined {
  const text = bytes.toString('latin1', 0, MAX_HEAD + 1);
  const [, head = '', method = ''] = HEAD.exec(text) ?? [];
  if (head === '' || head.length > MAX_HEAD || head.endsWith('*')) return undefined;
  return RESPONSES.has(method) ? undefined : head;
}

function fault(code: 400 | 406, why: string, head: string | undefined, isOverlong = false): LineFault {
  return { kind: 'fault', code, why, head, isOverlong };
}

/**
 * Writes a line with its CRLF. A character that the charset does not have becomes `?`, and `missing` counts it.
 *
 * @param parts method and arguments; only the last one may have spaces. Line breaks anywhere are the caller's mistake.
 */
export function encodeLine(
  { session, tag }: Address,
  parts: readonly string[],
  charset: Charset,
): { bytes: Buffer; missing: number } {
  const prefix = session === INITIAL ? '' : `${session}.`;
  const text = `${prefix}${tag} ${parts.join(' ')}`;
  if (LINE_BREAK.test(text)) throw new TypeError('a line break in a line');
  return encodeText(`${text}\r\n`, charset);
}

/** Their lines are overwritten as soon as they are read; a malformed one may be one of them. */
export const CARRIES_SECRETS: ReadonlySet<string> = new Set(['PLAINAUTH', 'TRANSACTIONINFO', 'PAN']);

/** Methods that answer; everything else with a tag asks. */
export const RESPONSES: ReadonlySet<string> = new Set(['OK', 'ERR', 'BEAT']);

const SPACE = 0x20;
const MAX_HEAD = 64;
const SESSION = /^[\x21-\x2d\x2f-\x7e]*$/;
const TAG = /^(?:\*|[A-Za-z][A-Za-z0-9]*)$/;
const METHOD_AND_REST = /^ +([A-Za-z][A-Za-z0-9]*)(?: (.*)|)$/s;
const HEAD = /^([\x21-\x7e]+)(?: +([A-Za-z0-9]*)|$)/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROL = /[\u0000-\u001f\u007f]/;
const LINE_BREAK = /[\r\n]/;
