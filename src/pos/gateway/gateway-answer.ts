import type { Caller } from '../../application/registers.ts';
import { errorText } from '../../rpc/error-object.ts';
import type { OutcomeText } from '../../rpc/outcome.ts';
import type { Answer } from '../answer.ts';

/** A request of a register, as a bridge has written it. */
export interface Call {
  readonly method: string;
  /** JSON. */
  readonly params: string;
  readonly caller: Caller;
}

/** An answer of the gateway's own. */
export function refusal(code: string, details: string): OutcomeText {
  return { kind: 'error', text: errorText(code, details) };
}

/** A terminal's answer, as it was written. */
export function passedOn({ kind, text }: Answer): OutcomeText {
  return { kind, text: Buffer.from(text) };
}
