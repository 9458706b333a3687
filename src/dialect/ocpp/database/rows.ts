import { maskLooseText } from '../../../base/mask/loose-text.ts';
import type { NewMeterValue } from './tables.ts';

/** Payloads that the official schema has let through. */
export interface SampledValue {
  readonly value: string;
  readonly context?: string;
  readonly format?: string;
  readonly measurand?: string;
  readonly phase?: string;
  readonly location?: string;
  readonly unit?: string;
}

export interface MeterValue {
  readonly timestamp: string;
  readonly sampledValue: readonly SampledValue[];
}

export interface StartRequest {
  readonly connectorId: number;
  readonly idTag: string;
  readonly meterStart: number;
  readonly timestamp: string;
  readonly reservationId?: number;
}

export interface StopRequest {
  readonly transactionId: number;
  readonly meterStop: number;
  readonly timestamp: string;
  readonly idTag?: string;
  readonly reason?: string;
  readonly transactionData?: readonly MeterValue[];
}

export interface MeterRequest {
  readonly connectorId: number;
  readonly transactionId?: number;
  readonly meterValue: readonly MeterValue[];
}

export interface StatusRequest {
  readonly connectorId: number;
  readonly errorCode: string;
  readonly status: string;
  readonly info?: string;
  readonly timestamp?: string;
  readonly vendorId?: string;
  readonly vendorErrorCode?: string;
}

export interface BootRequest {
  readonly chargePointVendor: string;
  readonly chargePointModel: string;
  readonly chargePointSerialNumber?: string;
  readonly chargeBoxSerialNumber?: string;
  readonly firmwareVersion?: string;
  readonly iccid?: string;
  readonly imsi?: string;
  readonly meterType?: string;
  readonly meterSerialNumber?: string;
}

/** The same instant always becomes the same text, whatever zone and fraction it was written with. */
export function instantOf(timestamp: string): string {
  const date = new Date(timestamp.replace(/:60(?=[.Zz+-])/, ':59'));
  return Number.isNaN(date.getTime()) ? timestamp : date.toISOString();
}

/** A text without card numbers and the like; tags, which are no secret here, stay as they are. */
export function storedText(text: string): string {
  return maskLooseText(text);
}

/** An object's JSON text, each string in it without card numbers; the same text where there are none. */
export function storedPayload(text: string): string {
  let isMasked = false;
  const payload = JSON.parse(text, (_, value: unknown) => {
    if (typeof value !== 'string') return value;
    const masked = storedText(value.replaceAll('\0', ''));
    isMasked ||= masked !== value;
    return masked;
  }) as unknown;
  return isMasked ? JSON.stringify(payload) : text;
}

/** A payload as it can be stored: PostgreSQL takes no NUL in a text. */
export function storable<T>(value: T): T {
  const text = JSON.stringify(value);
  if (!text.includes('\\u0000')) return value;
  const without = (_: string, member: unknown) =>
    typeof member === 'string' ? member.replaceAll('\0', '') : member;
  return JSON.parse(text, without) as T;
}

/** What the protocol says of members that are missing. */
const DEFAULTS = {
  measurand: 'Energy.Active.Import.Register',
  context: 'Sample.Periodic',
  location: 'Outlet',
  format: 'Raw',
} as const;

export function meterRows(
  chargePoint: string,
  connectorId: number,
  transactionId: number,
  values: readonly MeterValue[],
): NewMeterValue[] {
  /** Some firmware does not say which phase a sample is of: all of them are kept. */
  const seen = new Map<string, number>();
  return values.flatMap(({ timestamp, sampledValue }) =>
    sampledValue.map((sample) => {
      const measurand = sample.measurand ?? DEFAULTS.measurand;
      const { value: _, ...what } = sample;
      const key = JSON.stringify([instantOf(timestamp), measurand, what]);
      const ordinal = seen.get(key) ?? 0;
      seen.set(key, ordinal + 1);
      return {
        charge_point: chargePoint,
        connector_id: connectorId,
        transaction_id: transactionId,
        taken_at: instantOf(timestamp),
        measurand,
        phase: sample.phase ?? '',
        context: sample.context ?? DEFAULTS.context,
        location: sample.location ?? DEFAULTS.location,
        format: sample.format ?? DEFAULTS.format,
        unit: sample.unit ?? (measurand.startsWith('Energy.') ? 'Wh' : ''),
        ordinal,
        value: sample.value,
      };
    }),
  );
}
