import type { OperatorAction } from '../protocol.ts';

/** A call that waits for the person's yes. */
export interface Question {
  readonly title: string;
  readonly text: string;
  readonly action: OperatorAction;
  /** Asks for a tag, which becomes `idTag`. */
  readonly wantsTag?: boolean;
}
