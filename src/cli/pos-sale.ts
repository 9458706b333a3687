import { parseAmount } from '../base/currency.ts';
import { PosError } from '../pos/pos-error.ts';
import type { RecoveredSale, SaleOutcome, SaleRequest } from '../pos/sale.ts';
import { EXIT } from './exit-codes.ts';
import type { OptionName } from './options.ts';
import { abortOnInterrupt, followSale } from './pos-follow.ts';
import type { PosJob, PosWork, PreparePos } from './pos-job.ts';
import { jsonLine, moneyOf, outcomeLine, outcomeLines } from './pos-view.ts';
import type { Settings } from './settings.ts';

type Waiting = { readonly signal: AbortSignal };
type Make = (request: SaleRequest, waiting: Waiting) => Promise<SaleOutcome>;

export const preparePurchase: PreparePos = (settings, operands) =>
  prepareSale(settings, operands, 'Purchase', ({ client }) => client.purchase.bind(client));

export const prepareRefund: PreparePos = (settings, operands) =>
  prepareSale(settings, operands, 'Refund', ({ client }) => client.refund.bind(client));

export const prepareReverse: PreparePos = (settings, operands) => {
  const [, , receipt = '', sequence] = operands;
  if (settings.isGiven('forced-authorization')) {
    throw settings.fault('forced-authorization', 'is nothing for reverse');
  }
  const original = { originalReceiptId: receipt, originalSequenceId: sequence === 'none' ? null : sequence };
  const maker =
    ({ client }: PosJob): Make =>
    (request, waiting) =>
      client.reverse({ ...request, ...original }, waiting);
  return prepareSale(settings, operands, 'Reversal', maker);
};

function prepareSale(
  settings: Settings,
  [amount = '', currency = '']: readonly string[],
  method: string,
  makerOf: (job: PosJob) => Make,
): PosWork {
  const amountMinor = parseAmount(amount, currency);
  const request: SaleRequest = {
    amountMinor,
    currency,
    receiptId: readId(settings, 'receipt'),
    sequenceId: readSequence(settings),
    ...(settings.flag('forced-authorization') && { extra: { forced_authorization: true } }),
  };
  return async (job) => {
    const stopFollowing = [followSale(job, { subject: moneyOf(request) }), abortOnInterrupt(job)];
    const make = makerOf(job);
    const sale = await orUnknown(make(request, { signal: job.interrupts.stopped }), {
      method,
      amountMinor,
      currency,
    });
    for (const stop of stopFollowing) stop();
    return tell(job, sale);
  };
}

export const prepareCheck: PreparePos =
  (_settings, [receipt = '', sequence]) =>
  async (job) => {
    const stopFollowing = followSale(job, {});
    const sale = await orUnknown(job.client.check(receipt, sequence, { signal: job.interrupts.stopped }), {
      method: '',
      amountMinor: undefined,
      currency: undefined,
    });
    stopFollowing();
    return tell(job, sale);
  };

/** Every open sale of the store, each told when its outcome is known. */
export const prepareRecover: PreparePos = () => async (job) => {
  const { client, screen, interrupts } = job;
  const stopFollowing = followSale(job, { text: 'looking for open sales' });
  let count = 0;
  let open = 0;
  const sales = client.recover({ signal: interrupts.stopped });
  let step = await sales.next();
  for (; !step.done; step = await sales.next()) {
    const sale = step.value;
    if (count > 0) await screen.print(screen.isJson ? [] : ['']);
    count += 1;
    if (sale.outcome === 'unknown') open += 1;
    await print(job, sale);
    screen.begin('looking for the next open sale');
  }
  stopFollowing();
  const { busy, unreadable } = step.value;
  if (screen.isJson) {
    await screen.print([jsonLine({ event: 'recovered', sales: count, open, busy, unreadable })]);
  }
  if (count + busy + unreadable === 0) screen.say('no sale is open');
  if (open > 0) screen.say(`still open: ${open} of ${count}`);
  if (busy > 0) screen.say(`left to other processes: ${busy}; run this again when they have ended`);
  if (unreadable > 0) {
    screen.say(`cannot be read: ${unreadable}; "posbridge journal list --journal DIR" shows which`);
  }
  return open + busy + unreadable > 0 ? EXIT.unknown : EXIT.ok;
};

/** A sale whose outcome could not be had is a sale all the same; everything else that goes wrong is a fault. */
async function orUnknown(
  sale: Promise<SaleOutcome>,
  known: Pick<SaleOutcome, 'method' | 'amountMinor' | 'currency'>,
): Promise<RecoveredSale> {
  try {
    return await sale;
  } catch (fault) {
    if (!(fault instanceof PosError) || fault.code !== 'OUTCOME_UNKNOWN' || fault.sale === undefined) {
      throw fault;
    }
    return { ...fault.sale, ...known, outcome: 'unknown', error: fault };
  }
}

async function tell(job: PosJob, sale: RecoveredSale): Promise<number> {
  await print(job, sale);
  if (sale.outcome === 'unknown') {
    job.screen.say(`The sale may have been charged. Do not repeat it: ${WHAT_TO_DO[job.client.recovery]}.`);
    return EXIT.unknown;
  }
  if (sale.outcome !== 'approved') return EXIT.declined;
  return sale.isAsAsked ? EXIT.ok : EXIT.otherMoney;
}

/** What to do where nobody can be asked. */
const LOOK = 'look at what the terminal has printed, then end the entry by "posbridge journal settle"';

/** By what the terminal can be asked about. */
const WHAT_TO_DO: Readonly<Record<PosJob['client']['recovery'], string>> = {
  any: '"posbridge pos recover" finds out',
  last: `"posbridge pos recover" finds out as long as the terminal shows it as its last sale; otherwise ${LOOK}`,
  none: `this terminal cannot be asked. ${LOOK[0]?.toUpperCase()}${LOOK.slice(1)}`,
};

function print({ screen }: PosJob, sale: RecoveredSale): Promise<void> {
  return screen.print(screen.isJson ? [outcomeLine(sale)] : outcomeLines(sale));
}

/** null: the sale goes out without one. */
function readSequence(settings: Settings): string | null | undefined {
  const sequence = readId(settings, 'sequence');
  return sequence === 'none' ? null : sequence;
}

function readId(settings: Settings, name: OptionName): string | undefined {
  return settings.read(name, 'an identifier of 1 to 128 characters', (text) =>
    text.length >= 1 && text.length <= 128 ? text : undefined,
  );
}
