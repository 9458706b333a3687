import type { ApplicationEnd } from '../../application/line-end.ts';
import type { Caller } from '../../application/registers.ts';
import type { InboundRequest } from '../../dialect/dialect.ts';
import { reply } from '../../dialect/reply.ts';
import { errorText } from '../../rpc/error-object.ts';
import type { Message } from '../../rpc/message.ts';

/** Requests of the terminal that may wait for registers at one time. */
const MAX_OPEN = 256;

interface Open {
  readonly request: InboundRequest;
  readonly caller: Caller;
}

/** The terminal's own requests, on their way to a register and back: each is answered once. */
export class TerminalCalls {
  readonly #open = new Map<string, Open>();
  readonly #nextId: () => string;

  /** @param nextId a new id at every call, which no attachment has seen yet. */
  constructor(nextId: () => string) {
    this.#nextId = nextId;
  }

  /** Passes a request on to a register, or refuses it where there is none. */
  pass(request: InboundRequest, to: Caller | undefined): void {
    if (to === undefined) refuse(request, 'CONNECTION_CLOSED', 'no register is connected');
    else if (this.#open.size >= MAX_OPEN) refuse(request, 'BUSY', `${MAX_OPEN} requests are open already`);
    else {
      const id = this.#nextId();
      this.#open.set(id, { request, caller: to });
      to.end.ask({ connection: to.connection, id }, request.method, request.params.toString());
    }
  }

  /** A register answers, or a bridge in its place; from an end that was not asked it is nothing. */
  answered({ id, kind, text }: Extract<Message, { kind: 'result' | 'error' }>, end: ApplicationEnd): void {
    const open = this.#open.get(id);
    if (open === undefined || open.caller.end !== end) return;
    this.#open.delete(id);
    const outcome = reply(open.request, kind, text);
    if (outcome === 'too-large')
      refuse(open.request, 'RESPONSE_TOO_LARGE', 'the answer does not fit a frame');
    else if (typeof outcome === 'object') refuse(open.request, outcome.code, outcome.why);
  }

  /** Nobody will answer these any more. */
  left(isGone: (caller: Caller) => boolean): void {
    for (const [id, { request, caller }] of [...this.#open]) {
      if (!isGone(caller)) continue;
      this.#open.delete(id);
      refuse(request, 'CONNECTION_CLOSED', 'the register has gone away');
    }
  }

  /** The terminal is gone: nobody waits for these answers any more. */
  terminalGone(): void {
    this.#open.clear();
  }
}

function refuse(request: InboundRequest, code: string, details: string): void {
  reply(request, 'error', errorText(code, details));
}
