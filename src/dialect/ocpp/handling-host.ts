import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import type { Action } from './actions.ts';
import type { Hearing } from './asking-application.ts';
import type { Central } from './central.ts';
import type { CentralStore } from './database/store.ts';
import type { Registration } from './database/tables.ts';
import type { ErrorCode } from './errors.ts';

/** A CALL of the charge point that is not answered yet. Its payload fits the schema. */
export interface OpenCall {
  readonly id: string;
  readonly action: Action;
  /** The payload's own text, and what it means. */
  readonly text: string;
  readonly value: Readonly<Record<string, unknown>>;
}

/** What the handling may use of the conversation. */
export interface HandlingHost {
  readonly identity: string;
  readonly store: CentralStore;
  readonly central: Central;
  readonly clock: Clock;
  readonly log: Logger;
  readonly bootAnswer: {
    readonly status: Registration;
    readonly currentTime: string;
    readonly interval: number;
  };
  isOpen(call: OpenCall): boolean;
  result(call: OpenCall, payload: string): void;
  error(call: OpenCall, code: ErrorCode, description: string, details?: string): void;
  registered(status: Registration): void;
  ask(action: Action, params: string, hearing: Hearing): void;
  tell(action: Action, params: string): void;
}
