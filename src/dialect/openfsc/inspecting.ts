import type { Inspector, ReaderSink, SeenMessage, WireReader } from '../inspecting.ts';
import { type Charset, isCharset } from './charset.ts';
import { CARRIES_SECRETS, type Line, type LineFault, LineReader, RESPONSES } from './line.ts';
import { isMethod, METHODS, readArguments } from './methods.ts';

/** Reads lines. Both sides speak in the charset that the site has chosen. */
export const inspector: Inspector = {
  open: () => {
    const chosen: Chosen = { charset: 'UTF-8' };
    return [new FscReader(chosen), new FscReader(chosen)];
  },
};

interface Chosen {
  charset: Charset;
}

class FscReader implements WireReader {
  readonly #chosen: Chosen;
  #lines: LineReader;

  constructor(chosen: Chosen) {
    this.#chosen = chosen;
    this.#lines = this.#newLines();
  }

  push(bytes: Buffer, sink: ReaderSink): void {
    // A copy: lines that carry secrets are overwritten where they stand.
    this.#lines.push(Buffer.from(bytes), (line) => this.#line(line, sink));
  }

  #line(line: Line | LineFault, sink: ReaderSink): void {
    if (line.kind === 'fault') {
      if (line.isOverlong) this.#lines = this.#newLines();
      sink.message({ kind: 'message', text: '', isHidden: true, wrong: line.why });
      return;
    }
    if (line.method === 'CHARSET' && isCharset(line.rest)) this.#chosen.charset = line.rest;
    sink.message(seen(line));
  }

  #newLines(): LineReader {
    return new LineReader(() => this.#chosen.charset);
  }
}

function seen({ session, tag, method, rest }: Line): SeenMessage {
  const prefix = session === '' ? '' : `${session}.`;
  const isSecret = CARRIES_SECRETS.has(method);
  const read = isMethod(method) && !isSecret ? readArguments(method, rest) : undefined;
  const wrong = !isMethod(method) ? 'no such method' : read?.ok === false ? read.why : undefined;
  const args = read?.ok ? { ...read.values, ...(read.list.length > 0 && { list: read.list }) } : undefined;
  return {
    kind: kindOf(method, tag),
    name: method,
    ...(tag !== '*' && { id: `${prefix}${tag}` }),
    text: args === undefined ? '***' : JSON.stringify(args),
    isHidden: args === undefined,
    ...(wrong !== undefined && { wrong }),
  };
}

function kindOf(method: string, tag: string): SeenMessage['kind'] {
  if (method === 'ERR') return 'error';
  if (RESPONSES.has(method)) return 'result';
  if (tag === '*' || (isMethod(method) && METHODS[method].kind === 'notification')) return 'notification';
  return 'request';
}
