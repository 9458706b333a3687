import type { ConversationHost, Reply } from '../dialect.ts';
import type { Element, ScaDocument } from './document.ts';
import type { LastPayment } from './memory.ts';
import type { Echo, Verdict } from './responses.ts';
import type { Owner } from './terminal.ts';
import type { TerminalEnd } from './terminal-end.ts';

/** Which commands a connection is for: TCP has a port for each kind, a WebSocket carries both. */
export type Port = 'both' | 'primary' | 'secondary';

/** What the parts of a conversation may use of it. */
export interface Speaking {
  readonly host: ConversationHost;
  readonly end: TerminalEnd;
  readonly port: Port;
  /** Nobody is there to read a response any more. */
  readonly isClosed: boolean;
  /** Asks the applications, and puts their answer into the register's form. */
  ask(method: string, params: Buffer, prepare: Reply['prepare']): void;
  /** Tells the applications. */
  tell(method: string, params: Buffer): void;
  /** Runs when this work is done. Until then the end of the register's output is not acted upon. */
  after(work: Promise<void>, run: () => void): void;
  /** Hides a text of this connection from the log. */
  hide(secret: string): void;
  /** Answers a request; false: nobody is there to read it. */
  answer(request: { readonly echo: Echo }, said: Verdict, fields?: readonly Element[]): boolean;
  /** Sends a response; false: nobody is there to read it. */
  respond(response: ScaDocument): boolean;
  /** The response to a payment is on its way; it is kept until the register says something after it. */
  responded(owner: Owner, payment: LastPayment, response: ScaDocument): void;
}
