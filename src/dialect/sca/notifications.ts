import { readTree, textAt } from '../../rpc/json-tree.ts';
import type { ScaDocument } from './document.ts';
import { fieldsIn } from './json-fields.ts';
import { OK, responseOf, verdict } from './responses.ts';

/** What a register may be told without having asked: a status of the vocabulary, by its code. */
const STATUSES: Readonly<Record<string, { readonly code: string; readonly text: string }>> = {
  PROCESSING: { code: '2', text: 'TRANSACTION IN FLIGHT' },
  WAIT_CARD_IN: { code: '5', text: 'CARD ENTRY SCREEN' },
  WAIT_CARD_OUT: { code: '9', text: 'REMOVE CARD' },
};

/**
 * Builds an unsolicited message from a notification of an application: from `sca.NOTIFICATION` with its fields, and
 * from `StatusEvent` where SCA has a code for the status. Undefined: SCA has no words for it.
 */
export function notificationOf(
  method: string,
  params: Buffer,
): ScaDocument | { readonly why: string } | undefined {
  if (method !== 'sca.NOTIFICATION' && method !== 'StatusEvent') return undefined;
  const read = readTree(params);
  if (!read.ok) return { why: read.why };
  if (method === 'StatusEvent') {
    const status = STATUSES[textAt(read.value, 'transaction_status') ?? ''];
    return status && responseOf(verdict(status.text, 'OK', status.code, 'SUCCESS'));
  }
  const fields = fieldsIn(read.value);
  if (!fields.ok) return { why: fields.why };
  if (!fields.fields.some(({ name }) => name === 'RESULT_CODE')) return { why: 'RESULT_CODE is missing' };
  return responseOf(OK, fields.fields);
}
