import { integerText } from '../../rpc/integer-text.ts';
import { type Json, JsonNumber, type JsonObject, memberAt } from '../../rpc/json-tree.ts';
import type { NexoCodec } from './codec.ts';
import type { NexoMessage } from './message.ts';
import type { SaleIds, SaleRecords } from './sale-records.ts';
import type { ServiceCounter } from './service-counter.ts';
import { TerminalState } from './terminal-state.ts';
import type { Vendor } from './vendors.ts';

/** What every wire of this process to one terminal shares. */
export interface SaleEnd {
  readonly vendor: Vendor;
  readonly codec: NexoCodec;
  readonly saleId: string;
  readonly poiId: string;
  readonly counter: ServiceCounter;
  readonly records: SaleRecords;
  readonly software: SaleSoftware;
  readonly memory: TerminalMemory;
  /** Where we listen for what the terminal says by itself; undefined: nowhere else than on the wire that asks. */
  readonly callback?: { readonly listen: string; readonly url: string | undefined } | undefined;
}

/** What a Login says of us. */
export interface SaleSoftware {
  readonly version: string;
  readonly certificationCode: string | undefined;
  readonly language: string;
}

/** What is known of the terminal as long as the process lives. */
export interface TerminalMemory {
  isLoggedIn: boolean;
  /** `POISystemData` of the last Login. */
  system: JsonObject | undefined;
  /** Transactions of which the terminal has said once that it does not know them, by their keys: when. */
  readonly missedAtMs: Map<string, number>;
  readonly state: TerminalState;
  /** Wires with open requests: each takes an Event Reject that is about one of its own. */
  readonly rejecters: Set<(message: NexoMessage) => boolean>;
  /** Where the terminal can post its messages. */
  callbackUrl: string | undefined;
}

export function noMemory(): TerminalMemory {
  return {
    isLoggedIn: false,
    system: undefined,
    missedAtMs: new Map(),
    state: new TerminalState(),
    rejecters: new Set(),
    callbackUrl: undefined,
  };
}

/** The identifying members of `params`; undefined where they name nothing. */
export function saleIdsOf(params: JsonObject): SaleIds | undefined {
  const receipt = identifierOf(memberAt(params, 'receipt_id'));
  const given = memberAt(params, 'sequence_id');
  const sequence = identifierOf(given);
  if (receipt === undefined || (sequence === undefined && given !== undefined && given !== null))
    return undefined;
  return { receipt, sequence };
}

function identifierOf(value: Json | undefined): string | undefined {
  if (value instanceof JsonNumber) return integerText(value.text);
  return typeof value === 'string' && value !== '' && value.length <= MAX_IDENTIFIER ? value : undefined;
}

const MAX_IDENTIFIER = 128;

/** The register's own name for a transaction: `123-321`. */
export function transactionNameOf({ receipt, sequence }: SaleIds): string {
  return sequence === undefined ? receipt : `${receipt}-${sequence}`;
}

/** The same for the same transaction, and for no other one. */
export function transactionKeyOf({ receipt, sequence }: SaleIds): string {
  return JSON.stringify([receipt, sequence ?? null]);
}

/** The identifying members as the register wrote them. */
export function idsOf({ receipt_id, sequence_id }: JsonObject): JsonObject {
  return { receipt_id, sequence_id };
}
