import type { MeterValue } from './database/rows.ts';
import type { NewFrame, Registration } from './database/tables.ts';

/** What a central system tells whoever looks at it, as it happens. */
export interface CentralEvents {
  connected(identity: string): void;
  disconnected(identity: string): void;
  booted(identity: string, registration: Registration, model: string, firmware: string): void;
  status(identity: string, connectorId: number, status: string, errorCode: string): void;
  started(identity: string, connectorId: number, id: number, startedAt: string, meterStart: number): void;
  metered(identity: string, connectorId: number, values: readonly MeterValue[]): void;
  stopped(identity: string, id: number): void;
  frame(frame: NewFrame): void;
}
