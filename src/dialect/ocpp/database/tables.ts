import type { Generated, Insertable, Selectable } from 'kysely';

/**
 * The tables, for people's reports too (docs/ocpp.md). Times are ISO 8601 in UTC with milliseconds, as text, so that
 * they sort, compare and read alike in SQLite and PostgreSQL.
 */
export interface Tables {
  charge_points: ChargePointTable;
  connectors: ConnectorTable;
  transactions: TransactionTable;
  stops: StopTable;
  meter_values: MeterValueTable;
  frames: FrameTable;
  spool: SpoolTable;
  processes: ProcessTable;
  ocpp_schema: SchemaTable;
}

export interface ChargePointTable {
  identity: string;
  vendor: string | null;
  model: string | null;
  serial_number: string | null;
  box_serial_number: string | null;
  firmware_version: string | null;
  iccid: string | null;
  imsi: string | null;
  meter_type: string | null;
  meter_serial_number: string | null;
  /** What the last BootNotification was answered with; null: it has never booted here. */
  registration: Registration | null;
  booted_at: string | null;
  firmware_status: string | null;
  diagnostics_status: string | null;
  log_status: string | null;
  first_seen_at: string;
  last_seen_at: string;
  connected_at: string | null;
  /** Null while it is connected; of a process that was killed another one writes it, half a minute later. */
  disconnected_at: string | null;
  /** The process that serves it; null: none does. */
  process: string | null;
}

export type Registration = 'Accepted' | 'Pending' | 'Rejected';

export interface ConnectorTable {
  charge_point: string;
  /** 0 is the whole charge point. */
  connector_id: number;
  status: string;
  error_code: string;
  info: string | null;
  vendor_id: string | null;
  vendor_error_code: string | null;
  /** The charge point's time. */
  reported_at: string | null;
  updated_at: string;
}

export interface TransactionTable {
  /** Below 2^31, unique over all charge points, never used twice. */
  id: Generated<number>;
  charge_point: string;
  connector_id: number;
  id_tag: string;
  reservation_id: number | null;
  /** Wh. */
  meter_start: number;
  started_at: string;
  received_at: string;
  /** `idTagInfo` as the charge point was told, JSON; null: it has not been told yet. */
  start_answer: string | null;
  /** The rest is null until the charge point reports the end. */
  meter_stop: number | null;
  stopped_at: string | null;
  stop_reason: string | null;
  stop_id_tag: string | null;
  stop_received_at: string | null;
}

/** Every StopTransaction, also those that name no transaction of ours. */
export interface StopTable {
  id: Generated<number>;
  charge_point: string;
  /** As the charge point wrote it: -1 where it never heard the number. */
  transaction_id: number;
  meter_stop: number;
  stopped_at: string;
  reason: string | null;
  id_tag: string | null;
  received_at: string;
  /** The payload that the charge point was answered with; null: it has not been answered yet. */
  answer: string | null;
}

/** One sampled value, with what the protocol says of a member that is missing. */
export interface MeterValueTable {
  id: Generated<number>;
  charge_point: string;
  connector_id: number;
  /** 0: none was named. */
  transaction_id: number;
  taken_at: string;
  measurand: string;
  /** Empty where there is none. */
  phase: string;
  context: string;
  location: string;
  format: string;
  unit: string;
  /** 0, or which one it is of several that differ in nothing but their values. */
  ordinal: number;
  value: string;
}

export interface FrameTable {
  id: Generated<number>;
  charge_point: string;
  at: string;
  direction: 'in' | 'out';
  kind: 'call' | 'result' | 'error' | 'bad';
  /** Of the CALL; empty where it is not known. */
  action: string;
  message_id: string;
  /** Masked. */
  text: string;
}

/** Messages that an application has not taken yet, in the order in which they came. */
export interface SpoolTable {
  id: Generated<number>;
  charge_point: string;
  action: string;
  payload: string;
  received_at: string;
}

/** Central systems that run; each says so every few seconds. */
export interface ProcessTable {
  id: string;
  alive_at: string;
}

export interface SchemaTable {
  version: number;
  applied_at: string;
}

export type NewFrame = Omit<Insertable<FrameTable>, 'id'>;
export type NewMeterValue = Omit<Insertable<MeterValueTable>, 'id'>;
export type ChargePointRow = Selectable<ChargePointTable>;
export type ConnectorRow = Selectable<ConnectorTable>;
export type TransactionRow = Selectable<TransactionTable>;
export type FrameRow = Selectable<FrameTable>;
export type SpoolRow = Selectable<SpoolTable>;
export type MeterValueRow = Selectable<MeterValueTable>;
