import { readAmount } from './amount.ts';
import type { Assumptions } from './assumptions.ts';
import { membersOf } from './json-fields.ts';
import type { LastPayment } from './memory.ts';
import { fieldOf, isTrue, type ScaRequest } from './request.ts';
import { DUPLICATE, INVOICE_MISMATCH, rejected, type Verdict } from './responses.ts';
import { methodOf } from './routes.ts';
import type { Session } from './terminal.ts';

/** A request that moves money, as the channels get it. */
export interface Payment {
  readonly method: string;
  readonly params: Buffer;
  /** What is remembered of it, once it is handed over. */
  readonly remembered: LastPayment;
}

export interface PaymentContext {
  readonly currency: string;
  readonly assumed: Assumptions;
  /** Undefined for a command that needs none (SAF). */
  readonly session: Session | undefined;
  /** COUNTER came with a valid MAC, so it names this request and no other. */
  readonly isVerified: boolean;
  randomId(): string;
}

/** PAYMENT_TYPEs that a `Purchase` of the vocabulary stands for: any card, chosen by the customer. */
const CARD_TYPES: ReadonlySet<string | undefined> = new Set([undefined, 'CREDIT', 'DEBIT']);
const WITH_AMOUNT: ReadonlySet<string> = new Set([
  'CAPTURE',
  'AUTH',
  'CREDIT',
  'ACTIVATE',
  'ADD_VALUE',
  'REACTIVATE',
]);
const WITH_TYPE: ReadonlySet<string> = new Set(['VOID', 'RESET_TIP', 'ADD_TIP', 'ACTIVATE']);
const MAX_INVOICE = 40;

/** Reads a request that moves money. A verdict: it is refused, and nothing has begun. */
export function readPayment(request: ScaRequest, context: PaymentContext): Payment | Verdict {
  const { session } = context;
  const fault = faultIn(request);
  if (fault !== undefined) return rejected(context.assumed, fault, 'FIELD_ERROR');
  const amountText = fieldOf(request, 'TRANS_AMOUNT');
  const amount =
    amountText === undefined ? undefined : readAmount('TRANS_AMOUNT', amountText, context.currency);
  if (amount?.ok === false) return rejected(context.assumed, amount.why, 'FIELD_ERROR');
  const identity = identityOf(request, context);
  if (typeof identity !== 'string') return identity;
  session?.payments.add(identity);

  const receiptId = session?.receiptId ?? `${request.command}-${context.randomId()}`;
  const invoice = fieldOf(request, 'INVOICE') ?? session?.invoice ?? '';
  const method = vocabularyMethod(request);
  const own = membersOf(request.fields);
  const head = [
    `"receipt_id":${JSON.stringify(receiptId)}`,
    `"sequence_id":${JSON.stringify(identity)}`,
    ...(amount === undefined ? [] : [`"amount":${amount.minor}`]),
    `"currency":${JSON.stringify(context.currency)}`,
  ].join(',');
  const params =
    method === undefined
      ? `{${head}${own === '' ? '' : ','}${own}}`
      : `{${head},"sca":{${withInvoice(own, request, invoice)}}}`;
  const { posRecon, counter } = request.echo;
  const paymentType = fieldOf(request, 'PAYMENT_TYPE');
  return {
    method: method ?? methodOf(request.functionType, request.command),
    params: Buffer.from(params),
    remembered: {
      receiptId,
      sequenceId: identity,
      method: request.command,
      invoice,
      ...(amountText !== undefined && { amount: amountText }),
      ...(paymentType !== undefined && { paymentType }),
      ...(posRecon !== undefined && { posRecon }),
      ...(counter !== undefined && { counter }),
      isOpen: true,
    },
  };
}

/**
 * A plain sale or refund has a word in the vocabulary; with a handle of an earlier transaction, or a gift card, it has
 * none.
 */
function vocabularyMethod(request: ScaRequest): 'Purchase' | 'Refund' | undefined {
  if (request.functionType !== 'PAYMENT') return undefined;
  const hasHandle = ['CTROUTD', 'AUTH_CODE', 'CARD_TOKEN'].some(
    (name) => fieldOf(request, name) !== undefined,
  );
  if (hasHandle || !CARD_TYPES.has(fieldOf(request, 'PAYMENT_TYPE')?.toUpperCase())) return undefined;
  if (request.command === 'CAPTURE') return 'Purchase';
  return request.command === 'CREDIT' ? 'Refund' : undefined;
}

function faultIn(request: ScaRequest): string | undefined {
  const { command, functionType } = request;
  if (functionType !== 'PAYMENT') return undefined;
  const has = (name: string) => fieldOf(request, name) !== undefined;
  if (has('AUTH_CODE') && has('CTROUTD')) return 'AUTH_CODE and CTROUTD exclude each other';
  if ((has('CTROUTD') || has('CARD_TOKEN')) && !has('PAYMENT_TYPE')) return 'PAYMENT_TYPE is missing';
  if (WITH_TYPE.has(command) && !has('PAYMENT_TYPE')) return 'PAYMENT_TYPE is missing';
  if ((command === 'VOID' || command === 'RESET_TIP') && !has('CTROUTD')) return 'CTROUTD is missing';
  if (WITH_AMOUNT.has(command) && !has('TRANS_AMOUNT')) return 'TRANS_AMOUNT is missing';
  if ((fieldOf(request, 'INVOICE')?.length ?? 0) > MAX_INVOICE)
    return `INVOICE is longer than ${MAX_INVOICE} characters`;
  return undefined;
}

/**
 * What tells this payment from the others of its session: POS_RECON, else a COUNTER that counts, else nothing, so that
 * it is one of its own. FORCE_FLAG makes a repeated one a payment of its own as well.
 */
function identityOf(
  request: ScaRequest,
  { session, isVerified, assumed, randomId }: PaymentContext,
): string | Verdict {
  const { posRecon, counter } = request.echo;
  const named = posRecon ?? (isVerified && counter !== undefined ? `counter-${counter}` : undefined);
  if (named === undefined) return `unnamed-${randomId()}`;
  if (/\d{12,}=\d{4}/.test(named)) return rejected(assumed, 'POS_RECON looks like track data', 'FIELD_ERROR');
  if (session?.payments.has(named) !== true) return named;
  if (!isTrue(fieldOf(request, 'FORCE_FLAG'))) return DUPLICATE;
  const invoice = fieldOf(request, 'INVOICE');
  if (invoice !== undefined && invoice !== session.invoice) return INVOICE_MISMATCH;
  return `${named}-forced-${randomId()}`;
}

function withInvoice(own: string, request: ScaRequest, invoice: string): string {
  if (invoice === '' || fieldOf(request, 'INVOICE') !== undefined) return own;
  const member = `"INVOICE":${JSON.stringify(invoice)}`;
  return own === '' ? member : `${member},${own}`;
}
