import type { Logger } from '../base/log.ts';
import type { Statistics } from '../base/statistics.ts';
import type { Tap } from '../base/tap.ts';
import { LineDecoder, type LineEndSink, type LineSink } from '../frame/lines.ts';
import { parseMessage } from '../rpc/message.ts';
import { scanObject } from '../rpc/scan.ts';
import type { Attachment, AttachmentUser } from './channel.ts';

/** Longest line an application may send. */
const MAX_LINE_BYTES = 1024 * 1024;

export interface LineDeskOptions {
  readonly attachment: Attachment;
  /** By connection, the newest last. */
  readonly users: ReadonlyMap<string, AttachmentUser>;
  readonly log: Logger;
  readonly statistics: Statistics;
  /** Where there is a capture. */
  readonly tap?: Tap;
  /** `idText` is that of a request, which the complaint answers, or of an answer, which it is about. */
  readonly complain: (code: string, why: string, about?: About) => void;
}

export interface About {
  readonly idText: string;
  readonly kind: 'request' | 'answer';
}

/** Takes what applications say to the connections that it concerns. */
export class LineDesk {
  readonly #options: LineDeskOptions;

  constructor(options: LineDeskOptions) {
    this.#options = options;
  }

  /** Cuts the bytes of one application into lines. */
  decoder(): { push(bytes: Buffer): void; end(): void } {
    const { attachment, log, statistics, complain } = this.#options;
    const decoder = new LineDecoder({ maxLineBytes: MAX_LINE_BYTES });
    const sink: LineSink & LineEndSink = {
      line: (bytes) => this.#line(bytes),
      overlong: (size) => {
        complain('JSONRPC_PARSE_ERROR', `a line of ${size} bytes is too long`);
        attachment.misheard();
      },
      cut: (size) => {
        log.warn('an application ended inside a line', { endpoint: attachment.text, bytes: size });
        attachment.misheard();
      },
    };
    return {
      push: (bytes) => {
        statistics.count('channel bytes in', bytes.length);
        decoder.push(bytes, sink);
      },
      end: () => decoder.end(sink),
    };
  }

  #line(bytes: Buffer): void {
    const { attachment, users, log, statistics, complain } = this.#options;
    const endpoint = attachment.text;
    statistics.count('lines in');
    const parsed = parseMessage(bytes, 'line');
    if (!parsed.ok) {
      this.#heard(log, undefined, bytes);
      const { code, why, idText } = parsed;
      const isAnswer = !isCall(bytes);
      if (parsed.isErrorWithoutId) log.info('an application complains', { endpoint });
      else
        complain(
          code,
          why,
          idText === undefined ? undefined : { idText, kind: isAnswer ? 'answer' : 'request' },
        );
      if (isAnswer) attachment.misheard();
      return;
    }
    const { message, connection, identity } = parsed;
    const user = connection === undefined ? this.#userOf(identity) : users.get(connection);
    this.#heard(user?.log ?? log, user?.connection, bytes);
    if (user !== undefined) {
      user.applicationSays(message, attachment);
      return;
    }
    const about = message.kind === 'request' ? { idText: message.idText, kind: message.kind } : undefined;
    if (connection === undefined && users.size > 1) complain('JSONRPC_INVALID_REQUEST', AMBIGUOUS, about);
    else if (about !== undefined) complain('CONNECTION_CLOSED', 'there is no such connection', about);
    else log.info('a line for a connection that is gone', { endpoint, connection });
    if (message.kind === 'result' || message.kind === 'error') attachment.misheard();
  }

  #heard(log: Logger, connection: string | undefined, bytes: Buffer): void {
    const { attachment, tap } = this.#options;
    tap?.line('application', attachment.text, connection, bytes);
    if (log.enabled('trace')) log.trace('line in', { endpoint: attachment.text, text: bytes.toString() });
  }

  /** For a line that names no connection: the only one, or the newest with that identity. */
  #userOf(identity: string | undefined): AttachmentUser | undefined {
    const { users } = this.#options;
    if (users.size === 1) {
      const [only] = users.values();
      const isOther = identity !== undefined && only?.identity !== undefined && only.identity !== identity;
      return isOther ? undefined : only;
    }
    if (identity === undefined) return undefined;
    return [...users.values()].findLast((user) => user.identity === identity);
  }
}

const AMBIGUOUS = 'several connections are live: name one in "connection", or in "identity" whom it is for';

/**
 * Whether a line that was refused meant to ask or to tell something, and was no answer: it names a method and no
 * outcome.
 */
function isCall(line: Buffer): boolean {
  const [method, result, error] = scanObject(line, ['method', 'result', 'error']).values;
  return method !== undefined && result === undefined && error === undefined;
}
