import type { Clock, Timer } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import { type Element, field, REQUEST_ROOT, type ScaDocument, textOf } from './document.ts';

/** Which of the terminal's two ports a request is for. A WebSocket carries both. */
export type Lane = 'primary' | 'secondary';

export interface LinkRequest {
  readonly functionType: string;
  readonly command: string;
  readonly fields: readonly Element[];
  /** Instead of a new one: what identifies a payment on the terminal. */
  readonly posRecon?: string;
}

export type LinkAnswer =
  | { readonly kind: 'response'; readonly response: ScaDocument }
  /** `unsent`: it has not left. `lost`: it may have been obeyed, and nobody knows. */
  | { readonly kind: 'unsent' | 'lost'; readonly why: string };

export interface LinkOptions {
  readonly clock: Clock;
  readonly log: Logger;
  /** Short and different at every call. */
  readonly nextId: () => string;
  /** Puts MAC and counter into a request where the terminal wants them. */
  readonly sign?: ((fields: readonly Element[]) => readonly Element[]) | undefined;
  send(lane: Lane, document: ScaDocument): void;
  /** The terminal says something by itself. */
  notified(response: ScaDocument): void;
  /** A response to what nobody waits for any more, or never asked on this link. */
  orphan(response: ScaDocument): void;
}

interface Waiting {
  readonly lane: Lane;
  readonly request: LinkRequest;
  readonly posRecon: string;
  readonly settle: (answer: LinkAnswer) => void;
  timer: Timer | undefined;
  /** As it was sent. */
  document: ScaDocument | undefined;
}

const MAX_WAITING = 64;
/** How long a response may take. A payment waits for a customer and a host; the others do not. */
const LIMITS_MS = { PAYMENT: 600_000, other: 300_000, secondary: 30_000 } as const;
/** Codes that a terminal says by itself; as codes of payments some of them mean something else. */
const NOTIFICATION_CODES: ReadonlySet<string> = new Set(['1', '2']);
const NOTIFICATION_TEXTS: ReadonlySet<string> = new Set([
  'CONSUMER CARD ENTRY',
  'TRANSACTION IN FLIGHT',
  'CARD ENTRY SCREEN',
  'CARD READ ERROR',
  'USE CHIP READER',
  'CHIP ERROR, SWIPE CARD',
  'REMOVE CARD',
  'REDO WITHOUT CTLS',
  'REDO WITH CTLS',
  'PRESENT ONE CARD',
  'APPLICATION NOT AVAILABLE',
]);

/**
 * Finds out which response belongs to which request. Responses have no id: each request carries a POS_RECON of ours,
 * and where a terminal does not repeat it, what the response looks like decides. One request of each lane is under way
 * at a time, others wait for their turn.
 */
export class ScaLink {
  readonly #options: LinkOptions;
  readonly #current: Record<Lane, Waiting | undefined> = { primary: undefined, secondary: undefined };
  readonly #queues: Record<Lane, Waiting[]> = { primary: [], secondary: [] };
  #isClosed = false;

  constructor(options: LinkOptions) {
    this.#options = options;
  }

  get isBusy(): boolean {
    return this.#current.primary !== undefined;
  }

  /** `settle` is called exactly once, if this returns `sent`. */
  ask(request: LinkRequest, settle: (answer: LinkAnswer) => void): 'sent' | 'full' | 'closed' {
    if (this.#isClosed) return 'closed';
    const lane = request.functionType === 'SECONDARYPORT' ? 'secondary' : 'primary';
    if (this.#queues[lane].length >= MAX_WAITING) return 'full';
    const posRecon = request.posRecon ?? this.#options.nextId();
    this.#queues[lane].push({ lane, request, posRecon, settle, timer: undefined, document: undefined });
    this.#next(lane);
    return 'sent';
  }

  /** Takes a response; `lane` where the port has said for which kind of request it is. */
  received(response: ScaDocument, lane?: Lane): void {
    const waiting = this.#find(response, lane);
    if (waiting === 'notification') this.#options.notified(response);
    else if (waiting === undefined) this.#options.orphan(response);
    else this.#settle(waiting, { kind: 'response', response });
  }

  /** Sends what is under way once more: where it went nobody has read it. */
  resend(lane: Lane): void {
    const document = this.#current[lane]?.document;
    if (document !== undefined) this.#options.send(lane, document);
  }

  /** One of two ports is gone: what was under way on it may have been obeyed. */
  lost(lane: Lane, why: string): void {
    const waiting = this.#current[lane];
    if (waiting !== undefined) this.#settle(waiting, { kind: 'lost', why });
  }

  /** The link is gone: whatever was under way may have been obeyed. */
  close(why: string): void {
    this.#isClosed = true;
    for (const lane of ['primary', 'secondary'] as const) {
      const waiting = this.#current[lane];
      if (waiting !== undefined) this.#settle(waiting, { kind: 'lost', why });
      for (const unsent of this.#queues[lane].splice(0)) unsent.settle({ kind: 'unsent', why });
    }
  }

  #next(lane: Lane): void {
    if (this.#isClosed || this.#current[lane] !== undefined) return;
    const waiting = this.#queues[lane].shift();
    if (waiting === undefined) return;
    this.#current[lane] = waiting;
    const { functionType, command, fields } = waiting.request;
    const own = fields.filter(({ name }) => !OWN_FIELDS.has(name));
    const all = [
      field('FUNCTION_TYPE', functionType),
      field('COMMAND', command),
      ...own,
      // LAST_TRAN names an earlier payment by its POS_RECON: it must not be able to repeat ours instead.
      ...(command === 'LAST_TRAN' ? [] : [field('POS_RECON', waiting.posRecon)]),
    ];
    const signed = this.#options.sign?.(all) ?? all;
    waiting.document = { root: REQUEST_ROOT, fields: signed };
    const limit = lane === 'secondary' ? 'secondary' : functionType === 'PAYMENT' ? 'PAYMENT' : 'other';
    waiting.timer = this.#options.clock.after(LIMITS_MS[limit], () =>
      this.#settle(waiting, { kind: 'lost', why: 'the terminal does not answer' }),
    );
    this.#options.send(lane, waiting.document);
  }

  #settle(waiting: Waiting, answer: LinkAnswer): void {
    const { lane } = waiting;
    if (this.#current[lane] !== waiting) return;
    waiting.timer?.cancel();
    this.#current[lane] = undefined;
    waiting.settle(answer);
    this.#next(lane);
  }

  #find(response: ScaDocument, port: Lane | undefined): Waiting | 'notification' | undefined {
    const { primary, secondary } = this.#current;
    if (port === 'secondary') return secondary;
    const posRecon = textOf(response, 'POS_RECON');
    const isSecondary = textOf(response, 'SECONDARY_DATA') !== undefined;
    if (posRecon !== undefined && posRecon !== '') {
      if (posRecon === secondary?.posRecon) return secondary;
      if (posRecon === primary?.posRecon) {
        if (!isSecondary || secondary === undefined) return primary;
        this.#options.log.warn('a response repeats the POS_RECON of another request');
        return secondary;
      }
      // LAST_TRAN tells of an earlier payment, and names that one.
      return primary?.request.command === 'LAST_TRAN' ? primary : undefined;
    }
    if (isNotification(response, primary)) return 'notification';
    if (isSecondary && secondary !== undefined) return secondary;
    if (primary === undefined) return secondary;
    if (secondary === undefined) return primary;
    // An operation that is merely done cannot be what became of a payment.
    const isPayment = primary.request.functionType === 'PAYMENT';
    return isPayment && textOf(response, 'RESULT_CODE') === '-1' ? secondary : primary;
  }
}

/** What every request gets from us. */
const OWN_FIELDS: ReadonlySet<string> = new Set([
  'FUNCTION_TYPE',
  'COMMAND',
  'POS_RECON',
  'COUNTER',
  'MAC',
  'MAC_LABEL',
]);

/** Codes of notifications are codes of payments, too: what was asked, and the words, decide. */
function isNotification(response: ScaDocument, primary: Waiting | undefined): boolean {
  const code = textOf(response, 'RESULT_CODE')?.trim() ?? '';
  const text = textOf(response, 'RESPONSE_TEXT')?.trim().toUpperCase() ?? '';
  if (NOTIFICATION_TEXTS.has(text)) return true;
  return NOTIFICATION_CODES.has(code) && primary?.request.functionType !== 'REPORT';
}
