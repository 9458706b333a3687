import type { Registration } from '../database/tables.ts';

/** What the operator's page shows; all of it is JSON. */
export interface OperatorState {
  /** By identity. */
  readonly points: readonly ShownPoint[];
  /** What became of calls that the page asked for; the newest last. */
  readonly outcomes: readonly ShownOutcome[];
  readonly isDatabaseAway: boolean;
}

export interface ShownPoint {
  readonly identity: string;
  readonly isOnline: boolean;
  readonly registration: Registration | undefined;
  readonly model: string;
  readonly firmware: string;
  readonly connectors: readonly ShownConnector[];
}

export interface ShownConnector {
  readonly id: number;
  readonly status: string;
  readonly errorCode: string;
  readonly transaction: ShownTransaction | undefined;
}

export interface ShownTransaction {
  readonly id: number;
  readonly startedAt: string;
  /** Wh since it began, and W; undefined: no meter value has come yet. */
  readonly energyWh: number | undefined;
  readonly powerW: number | undefined;
}

export interface ShownOutcome {
  readonly number: number;
  readonly identity: string;
  readonly action: string;
  readonly text: string;
  readonly isGood: boolean;
}

/** One message of a charge point, masked. */
export interface ShownFrame {
  readonly number: number;
  readonly at: string;
  readonly identity: string;
  readonly direction: 'in' | 'out';
  readonly kind: 'call' | 'result' | 'error' | 'bad';
  readonly action: string;
  readonly text: string;
}

/** A call that a person asks for. */
export interface OperatorAction {
  readonly do: 'call';
  readonly identity: string;
  readonly action: OperatorCall;
  readonly payload: Readonly<Record<string, unknown>>;
}

/** The calls that the page has buttons for. */
export const OPERATOR_CALLS = [
  'RemoteStartTransaction',
  'RemoteStopTransaction',
  'UnlockConnector',
  'Reset',
  'TriggerMessage',
  'ChangeAvailability',
] as const;
export type OperatorCall = (typeof OPERATOR_CALLS)[number];

/** Messages that are kept for the page. */
export const MAX_FRAMES = 500;
