import type { Clock } from '../base/clock.ts';
import type { Statistics } from '../base/statistics.ts';
import { answerLine, complaintLine } from '../channel/application-line.ts';
import type { Attachment } from '../channel/channel.ts';
import type { CallRules, PeerConnection } from '../dialect/dialect.ts';
import type { Message } from '../rpc/message.ts';
import type { Applications } from './applications.ts';
import { MAX_DEPTH, TOO_DEEP } from './depth.ts';
import { type CallEnd, PeerCalls } from './peer-calls.ts';

export interface TowardPeerOptions {
  readonly peer: PeerConnection;
  readonly applications: Applications;
  readonly lineStart: string;
  readonly calls: CallRules;
  readonly timeoutMs: (method: string) => number;
  readonly clock: Clock;
  readonly statistics: Statistics;
}

/**
 * What applications say to the peer: requests, whose answers go back to the application that asked, and notifications.
 */
export class TowardPeer {
  readonly #options: TowardPeerOptions;
  readonly #calls: PeerCalls;
  /** Why the peer hears nothing any more. */
  #goneBecause: string | undefined;

  constructor(options: TowardPeerOptions) {
    this.#options = options;
    this.#calls = new PeerCalls({ ...options, rules: options.calls });
  }

  /** Nobody is there any more. */
  close(why: string): void {
    this.#goneBecause ??= why;
  }

  pass(message: Extract<Message, { kind: 'request' | 'notification' }>, from: Attachment): void {
    const { applications, peer } = this.#options;
    const { method, methodText, params } = message;
    const idText = message.kind === 'request' ? message.idText : undefined;
    const complain = (code: string, why: string) => applications.complain(from, code, why, { idText });
    if (method.startsWith('_')) {
      complain('JSONRPC_METHOD_NOT_FOUND', 'names that start with _ do not cross the bridge');
    } else if (message.depth > MAX_DEPTH) {
      complain('JSONRPC_INVALID_PARAMS', TOO_DEEP);
    } else if (idText !== undefined) {
      const { epoch } = from;
      this.#calls.ask({
        method,
        methodText,
        params,
        settle: (end) => {
          if (from.epoch === epoch) this.#return(end, from, idText);
        },
      });
    } else {
      const outcome = peer.notify(methodText, params);
      if (typeof outcome === 'object') complain(outcome.code, outcome.why);
      else if (outcome === 'too-large')
        complain('JSONRPC_INVALID_PARAMS', 'the message does not fit a frame');
    }
  }

  /** Takes the end of a call back to the application that asked. */
  #return(end: CallEnd, from: Attachment, idText: string): void {
    const { applications, lineStart } = this.#options;
    if (end.kind === 'unanswered') {
      const why = end.code === 'CONNECTION_CLOSED' ? (this.#goneBecause ?? end.why) : end.why;
      applications.complain(from, end.code, why, { idText });
      return;
    }
    const to = applications.wayBackTo(from);
    if (to === undefined) return;
    const { kind, text, depth } = end.answer;
    const bytes =
      depth > MAX_DEPTH
        ? complaintLine(lineStart, idText, 'JSONRPC_INVALID_PARAMS', `the answer is ${TOO_DEEP}`)
        : answerLine(lineStart, idText, kind, text);
    applications.send(to, { bytes, kind: 'answer' });
  }
}
