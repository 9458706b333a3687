import type { CloseReason } from '../../base/close-reason.ts';
import { errorText } from '../../rpc/error-object.ts';
import type { PeerAnswer } from '../dialect.ts';
import { type ScaDocument, textOf } from './document.ts';
import type { LinkAnswer } from './link.ts';

export function isDone(response: ScaDocument): boolean {
  return (
    textOf(response, 'TERMINATION_STATUS')?.trim().toUpperCase() === 'SUCCESS' &&
    textOf(response, 'RESULT_CODE')?.trim() === '-1'
  );
}

export function isBusy(response: ScaDocument): boolean {
  return textOf(response, 'RESULT_CODE')?.trim() === '59002';
}

/** LAST_TRAN has nothing to show. */
export function isNothing(response: ScaDocument): boolean {
  const isDoneSo = textOf(response, 'TERMINATION_STATUS')?.trim().toUpperCase() === 'SUCCESS';
  if (!isDoneSo && !/^no (?:last )?transaction/i.test(textOf(response, 'RESPONSE_TEXT') ?? '')) return false;
  const names = ['POS_RECON', 'INVOICE', 'TRANS_AMOUNT', 'CTROUTD', 'AUTH_CODE'];
  return names.every((name) => textOf(response, name) === undefined);
}

/** No session is open. What the number in SECONDARY_DATA says is not known. */
export function isIdle(status: ScaDocument): boolean {
  const isAnswered = textOf(status, 'TERMINATION_STATUS')?.trim().toUpperCase() === 'SUCCESS';
  const open = ['INVOICE_SESSION', 'MACLABEL_IN_SESSION'].some((name) => (textOf(status, name) ?? '') !== '');
  return isAnswered && !open;
}

/** What a request is settled with whose answer nobody has seen. */
export function lostAnswer({ why }: Extract<LinkAnswer, { kind: 'unsent' | 'lost' }>): PeerAnswer {
  const lost: CloseReason = { code: 'CONNECTION_CLOSED', text: why, by: 'wire' };
  return { kind: 'error', text: errorText('CONNECTION_CLOSED', why), depth: 2, lost };
}
