import type { Assumptions } from './assumptions.ts';
import { type Element, field, RESPONSE_ROOT, type ScaDocument } from './document.ts';

/** The four fields that every response has. */
export interface Verdict {
  readonly text: string;
  readonly result: string;
  readonly code: string;
  readonly status: 'SUCCESS' | 'FAILURE';
}

export const OK: Verdict = verdict('SUCCESS', 'OK', '-1', 'SUCCESS');
export const BUSY: Verdict = verdict('DEVICE IS BUSY', 'BUSY', '59002', 'FAILURE');
export const SESSION_IN_PROGRESS: Verdict = verdict('SESSION in progress', 'BUSY', '59003', 'FAILURE');
export const NO_SESSION: Verdict = verdict('No Session', 'FAILED', '59004', 'FAILURE');
export const DUPLICATE: Verdict = verdict('DUPLICATE TRANSACTION', 'ERROR', '56783', 'FAILURE');
export const INVOICE_MISMATCH: Verdict = verdict('INVOICE MISMATCH', 'ERROR', '56023', 'FAILURE');
export const NO_MAC: Verdict = verdict('MAC or MAC_LABEL is missing', 'ERROR', '40007', 'FAILURE');
export const UNKNOWN_LABEL: Verdict = verdict('MAC_LABEL does not exist', 'FIELD_ERROR', '19', 'FAILURE');
export const CODE_MISMATCH: Verdict = verdict('Entry code mismatch', 'ERROR', '40009', 'FAILURE');
export const CANCELLED: Verdict = verdict('Transaction Cancelled', 'CANCELLED', '59001', 'FAILURE');
export const TIMED_OUT: Verdict = verdict('Cancelled by TIMEOUT', 'CANCELLED', '59001', 'FAILURE');
export const APPROVED: Verdict = verdict('APPROVED', 'APPROVED', '5', 'SUCCESS');
export const VOIDED: Verdict = verdict('VOIDED', 'VOIDED', '7', 'SUCCESS');
/** The operation has produced an outcome, even if the answer is no: SUCCESS. */
export const DECLINED: Verdict = verdict('DECLINED', 'DECLINED', '6', 'SUCCESS');

export function verdict(text: string, result: string, code: string, status: 'SUCCESS' | 'FAILURE'): Verdict {
  return { text, result, code, status };
}

/** A rejection that the specification has no code for. */
export function rejected(assumed: Assumptions, why: string, result = 'ERROR'): Verdict {
  return verdict(why, result, assumed['rejected-code'], 'FAILURE');
}

/** What a response repeats of its request. */
export interface Echo {
  readonly counter?: string | undefined;
  readonly posRecon?: string | undefined;
}

/**
 * Builds a response. Fields of the application win over ours, so that a terminal's own words come through; the verdict
 * stands in front.
 */
export function responseOf(said: Verdict, fields: readonly Element[] = [], echo: Echo = {}): ScaDocument {
  const own = new Map(fields.map((element) => [element.name, element]));
  const ours = [
    field('RESPONSE_TEXT', said.text),
    field('RESULT', said.result),
    field('RESULT_CODE', said.code),
    field('TERMINATION_STATUS', said.status),
  ];
  const echoed = [
    ...(echo.counter === undefined ? [] : [field('COUNTER', echo.counter)]),
    ...(echo.posRecon === undefined ? [] : [field('POS_RECON', echo.posRecon)]),
  ];
  const names = new Set([...ours, ...echoed].map(({ name }) => name));
  return {
    root: RESPONSE_ROOT,
    fields: [
      ...ours.map((element) => own.get(element.name) ?? element),
      ...fields.filter(({ name }) => !names.has(name)),
      ...echoed,
    ],
  };
}
