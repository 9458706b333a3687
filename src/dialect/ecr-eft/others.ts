import type { ConnectionEvents, InboundRequest } from '../dialect.ts';
import { CATALOGUE, RESULT } from './catalogue.ts';
import { plainText } from './field-json.ts';
import { type EcrMessage, fitsFrame } from './frame.ts';
import { fieldsOf, METHOD_PREFIX, paramsOf } from './generic.ts';
import type { Link, Received } from './link.ts';
import { encodeRefusal } from './outcome.ts';

/** Params hold fields, which may be lists of what is not text. */
export const PARAMS_DEPTH = 6;

/** The peer's messages that have no counterpart in our vocabulary: `ecr-eft.<type>` with their fields. */
export class Others {
  readonly #link: Link;
  readonly #changed: () => void;
  #open = 0;
  #isClosed = false;

  /** @param changed more or less is open than before. */
  constructor(link: Link, changed: () => void) {
    this.#link = link;
    this.#changed = changed;
  }

  /** Requests of the peer that are not answered. */
  get openRequests(): number {
    return this.#open;
  }

  /** The message is valid only during the call. */
  tell(message: EcrMessage, received: Received, events: ConnectionEvents): void {
    const method = `${METHOD_PREFIX}${message.type}`;
    const answerType = CATALOGUE.get(message.type)?.answer;
    if (answerType === undefined) {
      const params = { token: hexOf(message.token), ...paramsOf(message) };
      events.notification({ ...nameOf(method), ...paramsText(params) });
      return;
    }
    this.#open += 1;
    this.#changed();
    events.request({
      ...nameOf(method),
      ...paramsText(paramsOf(message)),
      prepare: this.#replyTo(received, answerType),
    });
  }

  close(): void {
    this.#isClosed = true;
    this.#open = 0;
  }

  #replyTo(received: Received, answerType: string): InboundRequest['prepare'] {
    let isOpen = true;
    return (kind, text) => {
      const fields = kind === 'error' ? refusalOf(answerType, text) : resultFields(answerType, text);
      if (typeof fields === 'string') return { code: 'JSONRPC_INVALID_PARAMS', why: fields };
      if (!fitsFrame(fields)) return 'too-large';
      return {
        send: () => {
          if (!isOpen || this.#isClosed) return 'closed';
          isOpen = false;
          this.#open -= 1;
          this.#link.answer(received, fields);
          this.#changed();
          return 'sent';
        },
      };
    };
  }
}

/** What the peer is told about a request that nobody carries out. */
export function refusalFields(answerType: string, why: string): readonly Buffer[] {
  const result = Buffer.from(String(RESULT.refused));
  if (answerType === 'S2') return encodeRefusal(RESULT.refused, why);
  if (answerType === 'K0') return [result, Buffer.alloc(0)];
  return answerType === 'A2' ? [result, plainText(why, MESSAGE_LENGTH)] : [result];
}

export function nameOf(method: string): Pick<InboundRequest, 'method' | 'methodText'> {
  return { method, methodText: JSON.stringify(method) };
}

export function paramsText(params: object): Pick<InboundRequest, 'params' | 'depth'> {
  return { params: Buffer.from(JSON.stringify(params)), depth: PARAMS_DEPTH };
}

const MESSAGE_LENGTH = 100;

function refusalOf(answerType: string, error: Buffer): readonly Buffer[] {
  const { message } = JSON.parse(error.toString()) as { message?: unknown };
  return refusalFields(answerType, typeof message === 'string' ? message : '');
}

/** An empty result says that all is well. */
function resultFields(answerType: string, result: Buffer): readonly Buffer[] | string {
  const members = JSON.parse(result.toString()) as Readonly<Record<string, unknown>>;
  const isPlain = members['result'] === undefined && members['fields'] === undefined;
  return fieldsOf(answerType, isPlain ? { result: RESULT.success, ...members } : members);
}

function hexOf(token: number): string {
  return token.toString(16).toUpperCase();
}
