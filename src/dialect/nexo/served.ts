import type { JsonObject } from '../../rpc/json-tree.ts';
import type { Answer } from './answer-text.ts';
import type { RegisterMemory } from './memory.ts';
import type { NexoMessage } from './message.ts';
import type { Vendor } from './vendors.ts';

/** What becomes of a register's request: a question to an application, or an answer of our own. */
export type Served =
  | {
      readonly kind: 'ask';
      readonly method: string;
      readonly params: JsonObject;
      /** The response's body; undefined: there is none. `unsayable`: nexo has no words for this answer. */
      respond(answer: Answer): JsonObject | undefined | Unsayable;
    }
  | { readonly kind: 'respond'; readonly body: JsonObject }
  /** No response belongs to this request: an Event says that it is refused. */
  | { readonly kind: 'reject'; readonly why: string };

export interface Unsayable {
  readonly unsayable: string;
}

export interface ServiceContext {
  readonly memory: RegisterMemory;
  readonly vendor: Vendor;
  readonly requiresLogin: boolean;
  /** ISO 8601. */
  readonly now: () => string;
  /** Says by an Event what became of an Abort, which has no response. */
  readonly notify: (event: string, details: string) => void;
}

export type Service = (message: NexoMessage, context: ServiceContext) => Served;
