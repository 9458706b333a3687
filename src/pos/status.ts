import { memberOf } from '../base/member.ts';
import { shorten } from '../base/printable.ts';
import { type JsonObject, parseObject } from './answer.ts';

/** What a terminal says about itself, in `StatusEvent` or in answer to `Status`. What it leaves out is undefined. */
export interface Status {
  readonly timestamp: string | undefined;
  readonly readyForTransaction: boolean | undefined;
  readonly pspConnectionAvailable: boolean | undefined;
  /** PROCESSING, WAIT_CARD_IN, WAIT_CARD_OUT, WAIT_POS or what comes later; undefined when idle. */
  readonly transactionStatus: string | undefined;
  readonly pendingTransactionCount: number | undefined;
  readonly chipCardIn: boolean | undefined;
  readonly updateStatus: string | undefined;
  /** As the terminal counts it. */
  readonly updateProgress: number | undefined;
  readonly updateEta: string | number | undefined;
  readonly batteryCharging: boolean | undefined;
  readonly pluggedIn: boolean | undefined;
  /** Everything, as the terminal wrote it. */
  readonly text: string;
}

export function readStatus(text: string): Status {
  const status = parseObject(text);
  const eta = memberOf(status, 'update_eta');
  return {
    timestamp: stringIn(status, 'timestamp'),
    readyForTransaction: booleanIn(status, 'ready_for_transaction'),
    pspConnectionAvailable: booleanIn(status, 'psp_connection_available'),
    transactionStatus: stringIn(status, 'transaction_status') || undefined,
    pendingTransactionCount: numberIn(status, 'pending_transaction_count'),
    chipCardIn: booleanIn(status, 'chip_card_in'),
    updateStatus: stringIn(status, 'update_status'),
    updateProgress: numberIn(status, 'update_progress'),
    updateEta: typeof eta === 'string' || typeof eta === 'number' ? eta : undefined,
    batteryCharging: booleanIn(status, 'battery_charging'),
    pluggedIn: booleanIn(status, 'plugged_in'),
    text,
  };
}

/** What a terminal is. */
export interface TerminalInfo {
  /** MAJOR.MINOR.PATCH; 0.0.0 is a development build. */
  readonly version: string | undefined;
  /** Bytes a second. */
  readonly linkSpeed: number | undefined;
  readonly salesLocationName: string | undefined;
  readonly serialNumber: string | undefined;
  readonly text: string;
}

export function readTerminalInfo(text: string): TerminalInfo {
  const info = parseObject(text);
  return {
    version: stringIn(info, 'version'),
    linkSpeed: numberIn(info, 'link_speed'),
    salesLocationName: stringIn(info, 'sales_location_name'),
    serialNumber: nameIn(info, 'serial_number'),
    text,
  };
}

/** Terminals before 18.2.0 send no StatusEvent; 0.0.0 is a development build and does. */
export function sendsStatusEvents(version: string | undefined): boolean {
  const [, major, minor, patch] = /^(\d{1,6})\.(\d{1,6})\.(\d{1,6})/.exec(version ?? '') ?? [];
  if (major === undefined) return true;
  if (Number(major) === 0 && Number(minor) === 0 && Number(patch) === 0) return true;
  return Number(major) > 18 || (Number(major) === 18 && Number(minor) >= 2);
}

function stringIn(object: JsonObject, name: string): string | undefined {
  const value = memberOf(object, name);
  return typeof value === 'string' ? value : undefined;
}

/** A text, or a number in its place; nothing where it is empty. */
function nameIn(object: JsonObject, name: string): string | undefined {
  const value = memberOf(object, name);
  const text = typeof value === 'string' || typeof value === 'number' ? shorten(String(value), 128) : '';
  return text === '' ? undefined : text;
}

function booleanIn(object: JsonObject, name: string): boolean | undefined {
  const value = memberOf(object, name);
  return typeof value === 'boolean' ? value : undefined;
}

function numberIn(object: JsonObject, name: string): number | undefined {
  const value = memberOf(object, name);
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}
