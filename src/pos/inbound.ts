import type { Clock, Timer } from '../base/clock.ts';
import { describeFault } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { InboundRequest, Reply } from '../dialect/dialect.ts';
import { reply } from '../dialect/reply.ts';
import { errorText } from '../rpc/error-object.ts';
import { type JsonObject, MAX_DEPTH, parseObject } from './answer.ts';
import { RequestRefused } from './pos-error.ts';
import type { RequestHandler } from './pos-options.ts';

/** Requests of the terminal that may be worked on at one time. */
const MAX_OPEN = 256;
/** How long a handler may take; then the terminal is told TIMEOUT, and what the handler says later is dropped. */
const ANSWER_MS = 60_000;

/** Answers every request of the terminal, by the handler or without: always, and once. */
export class Inbound {
  readonly #handler: RequestHandler | undefined;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #limits = new Set<Timer>();

  constructor(handler: RequestHandler | undefined, { clock, log }: { clock: Clock; log: Logger }) {
    this.#handler = handler;
    this.#clock = clock;
    this.#log = log;
  }

  /** No timer is left; what is open is not answered any more. */
  close(): void {
    for (const limit of this.#limits) limit.cancel();
    this.#limits.clear();
  }

  request(request: InboundRequest): void {
    const { method, prepare } = request;
    if (request.depth > MAX_DEPTH) {
      refuse(request, 'JSONRPC_INVALID_PARAMS', `nested deeper than ${MAX_DEPTH}`);
      return;
    }
    if (this.#limits.size >= MAX_OPEN) {
      refuse(request, 'BUSY', `${MAX_OPEN} requests are open already`);
      return;
    }
    // The bytes of the request belong to this call: what the handler gets is a copy.
    const text = request.params.toString();
    const params = parseObject(text);
    const open: Reply = { prepare };
    let work: Promise<JsonObject> | undefined;
    try {
      work = this.#handler?.(method, params, text);
    } catch (fault) {
      this.#failed(open, method, fault);
      return;
    }
    if (work === undefined) {
      refuse(open, 'JSONRPC_METHOD_NOT_FOUND', 'the register has no such method');
      return;
    }
    const limit = this.#clock.after(ANSWER_MS, () => {
      this.#limits.delete(limit);
      this.#log.error('a request of the terminal is not answered by its handler', { method });
      refuse(open, 'TIMEOUT', `the register has not answered within ${ANSWER_MS / 1000} s`);
    });
    this.#limits.add(limit);
    const settle = (answers: () => void) => {
      limit.cancel();
      if (this.#limits.delete(limit)) answers();
    };
    Promise.resolve(work).then(
      (result) => settle(() => this.#answer(open, method, result)),
      (fault: unknown) => settle(() => this.#failed(open, method, fault)),
    );
  }

  #answer(request: Reply, method: string, result: JsonObject): void {
    let text: string | undefined;
    try {
      text = isObject(result) ? JSON.stringify(result) : undefined;
    } catch (fault) {
      this.#log.error('a result cannot be written', { method, why: describeFault(fault) });
    }
    if (text === undefined) {
      refuse(request, 'INTERNAL_ERROR', 'the register has no proper answer');
    } else if (reply(request, 'result', Buffer.from(text)) === 'too-large') {
      refuse(request, 'RESPONSE_TOO_LARGE', 'the answer does not fit a frame');
    }
  }

  #failed(request: Reply, method: string, fault: unknown): void {
    if (fault instanceof RequestRefused) refuse(request, fault.code, fault.details);
    else {
      this.#log.error('a request of the terminal failed', { method, why: describeFault(fault), fault });
      refuse(request, 'INTERNAL_ERROR', 'the register failed');
    }
  }
}

function refuse(request: Reply, code: string, details: string): void {
  reply(request, 'error', errorText(code, details));
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
