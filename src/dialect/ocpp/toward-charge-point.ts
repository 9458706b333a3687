import { randomUUID } from 'node:crypto';
import type { Clock } from '../../base/clock.ts';
import type { CloseReason } from '../../base/close-reason.ts';
import type { Statistics } from '../../base/statistics.ts';
import { decodeString } from '../../rpc/scan.ts';
import type { PeerAnswer, PeerConnection, Refused, SendOutcome } from '../dialect.ts';
import { type Action, actionRow, centralAction } from './actions.ts';
import type { Registration } from './database/tables.ts';
import { type CallFailure, errorOfCallError, failureText } from './mapping.ts';
import { type CallOutcome, OutboundCalls } from './outbound-calls.ts';
import { checkPayload } from './schema.ts';

export interface TowardParts {
  readonly identity: string;
  readonly isLenient: boolean;
  readonly clock: Clock;
  readonly statistics: Statistics;
  readonly registration: () => Registration | undefined;
  readonly send: (id: string, action: Action, payload: string) => void;
}

/** Deepest nesting that the schemas let through, the message itself being 1, with room. */
export const DEPTH = 10;

/**
 * What applications ask a charge point: checked, allowed by its registration, one CALL at a time, and answered in their
 * terms.
 */
export class TowardChargePoint {
  readonly #parts: TowardParts;
  readonly #calls: OutboundCalls;
  /** Messages that the charge point was asked to send. */
  readonly #triggered = new Set<string>();
  #isClosed = false;

  constructor(parts: TowardParts) {
    this.#parts = parts;
    this.#calls = new OutboundCalls({ clock: parts.clock, newId: randomUUID, send: parts.send });
  }

  /** What the bridge knows the charge point by. */
  peer(close: (reason: CloseReason) => void): PeerConnection {
    return {
      yieldsToNewer: true,
      request: (methodText, params, settle) => this.#ask(methodText, params, settle),
      // OCPP has no message without an answer: it is a CALL whose answer nobody waits for.
      notify: (methodText, params) => {
        let refused: Refused | undefined;
        const outcome = this.#ask(methodText, params, ({ kind, text }) => {
          if (kind === 'error') refused ??= { code: 'JSONRPC_INVALID_PARAMS', why: reasonIn(text) };
        });
        return refused ?? (outcome === 'full' ? 'closed' : outcome);
      },
      close,
    };
  }

  /** A charge point that is pending may send what it was asked for. */
  wasTriggered(action: Action): boolean {
    return this.#triggered.has(action);
  }

  /** Asks for a BootNotification: some charge points send none on a new connection unless they are told to. */
  askToBoot(): void {
    this.#calls.add('TriggerMessage', '{"requestedMessage":"BootNotification"}', () => {});
  }

  /** It has booted: what it was asked for before counts no more. */
  booted(): void {
    this.#triggered.clear();
  }

  actionOf(id: string): Action | undefined {
    return this.#calls.actionOf(id);
  }

  /** False: no call of this id waits for an answer. */
  answered(id: string, outcome: CallOutcome): boolean {
    return this.#calls.answered(id, outcome);
  }

  close(): void {
    this.#isClosed = true;
    this.#calls.close();
  }

  #ask(methodText: string, params: Buffer, settle: (answer: PeerAnswer) => void): SendOutcome | 'full' {
    if (this.#isClosed) return 'closed';
    const fail = (failure: CallFailure, details?: string): 'sent' => {
      settle({ kind: 'error', text: failureText(failure, this.#parts.identity, details), depth: 3 });
      return 'sent';
    };
    const action = centralAction(decodeString(methodText));
    if (action === undefined) return fail('unknown action');
    const text = params.toString();
    const checked = checkPayload(action, 'req', JSON.parse(text));
    if (!checked.ok) return fail('invalid request', checked.description);
    const registration = this.#parts.registration();
    if (registration === 'Rejected') return fail('not accepted');
    if (registration !== 'Accepted' && actionRow(action).needsAcceptance) return fail('not accepted');
    const { requestedMessage } = checked.value;
    if (typeof requestedMessage === 'string') this.#triggered.add(requestedMessage);
    const added = this.#calls.add(action, text, (outcome) => this.#settle(action, outcome, settle));
    return added === 'added' ? 'sent' : added === 'full' ? fail('queue full') : 'closed';
  }

  #settle(action: Action, outcome: CallOutcome, settle: (answer: PeerAnswer) => void): void {
    const error = (text: Buffer) => settle({ kind: 'error', text, depth: 4 });
    if (outcome.kind === 'error') {
      error(errorOfCallError(outcome, action, this.#parts.identity));
    } else if (outcome.kind !== 'result') {
      const failure = outcome.kind === 'no answer' ? 'no answer' : outcome.wasSent ? 'lost' : 'not connected';
      this.#parts.statistics.count(`${action}: ${failure}`);
      error(failureText(failure, this.#parts.identity, outcome.wasSent ? '' : 'it was not sent'));
    } else {
      const how = this.#parts.isLenient ? 'lenient' : 'strict';
      const checked = checkPayload(action, 'conf', outcome.payload.value, how);
      if (!checked.ok) error(failureText('invalid answer', this.#parts.identity, checked.description));
      else {
        const text = checked.repaired ? JSON.stringify(checked.value) : outcome.payload.text;
        settle({ kind: 'result', text: Buffer.from(text), depth: DEPTH });
      }
    }
  }
}

function reasonIn(error: Buffer): string {
  const { message, data } = JSON.parse(error.toString()) as { message: string; data: { details: string } };
  return data.details === '' ? message : data.details;
}
