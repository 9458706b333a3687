import type { CloseReason } from '../../base/close-reason.ts';
import { errorText } from '../../rpc/error-object.ts';
import type { PeerAnswer } from '../dialect.ts';
import { errorObject, unknownText } from './sale-outcome.ts';

/** Deepest nesting of what a terminal's response becomes. */
export const ANSWER_DEPTH = 64;

export const EMPTY: PeerAnswer = { kind: 'result', text: Buffer.from('{}'), depth: 2 };

export function answerError(code: string, details: string): PeerAnswer {
  return { kind: 'error', text: errorText(code, details), depth: 3 };
}

/** Nothing was charged, and nothing will be. */
export function finalError(code: string, details: string): PeerAnswer {
  return { kind: 'error', text: errorObject(code, details, 'not-charged'), depth: 3 };
}

export function unknown(why: string): PeerAnswer {
  return { kind: 'error', text: unknownText(why), depth: 3 };
}

/** Nobody knows what the terminal has done with the request. */
export function lost(reason: CloseReason): PeerAnswer {
  return { kind: 'error', text: errorText('CONNECTION_CLOSED', reason.text), depth: 3, lost: reason };
}
