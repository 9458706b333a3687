import type { LoggedMessage } from '../../screen-model.ts';
import { formatMinor } from './amount.ts';

/** What a message says, in a few words for one line: `Approved 12.30 EUR`, `WAIT_CARD_IN`, `BUSY`. */
export function gistOf({ kind, method, text }: Pick<LoggedMessage, 'kind' | 'method' | 'text'>): string {
  const members = membersOf(text);
  if (kind === 'error') return codeOf(members) ?? '';
  const said = [
    statusOf(members),
    textOf(members['message']),
    textOf(members['reason']),
    amountOf(members),
    identityOf(members),
  ];
  const words = said.filter((part) => part !== undefined);
  return kind === 'result' && MONEY.has(method) ? ['Approved', ...words].join(' ') : words.join(' ');
}

/** Methods whose result means that money has moved. */
export const MONEY: ReadonlySet<string> = new Set(['Purchase', 'Refund']);

/** `DECLINED` as people write it: `Declined`. */
export function codeWords(code: string): string {
  const words = code.toLowerCase().replaceAll('_', ' ');
  return `${words.charAt(0).toUpperCase()}${words.slice(1)}`;
}

/** `12.30 EUR`, where both are named. */
export function amountOf({ amount, currency }: Members): string | undefined {
  if (!Number.isSafeInteger(amount) || typeof currency !== 'string') return undefined;
  return formatMinor(amount as number, currency);
}

/** The code of an error, else its message. */
export function codeOf({ data, message }: Members): string | undefined {
  const code = (data as { string_code?: unknown } | undefined)?.string_code ?? message;
  return typeof code === 'string' ? code : undefined;
}

export type Members = Readonly<Record<string, unknown>>;

/** Empty where the text was cut off. */
export function membersOf(text: string): Members {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Members) : {};
  } catch {
    return {};
  }
}

/** What the terminal does, as a StatusEvent says it. */
function statusOf({
  transaction_status: status,
  ready_for_transaction: isReady,
}: Members): string | undefined {
  if (typeof isReady !== 'boolean') return undefined;
  return textOf(status) ?? (isReady ? 'ready' : 'busy');
}

/** `17/1`: the identifiers of a sale, as the journal writes them. */
function identityOf({ receipt_id: receipt, sequence_id: sequence }: Members): string | undefined {
  const named = [receipt, sequence].filter((id) => typeof id === 'string' || typeof id === 'number');
  return named.length === 0 ? undefined : named.join('/');
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
