import type { LoggedMessage } from '../../screen-model.ts';
import { formatMinor } from './amount.ts';

/** What a register asked, and what it was told. */
export interface Exchange {
  /** The number of its request. */
  readonly number: number;
  readonly time: string;
  readonly connection: string;
  readonly method: string;
  /** `12.30 EUR`, where the request names an amount. */
  readonly amount: string | undefined;
  /** How it went, in the order in which the register was told: `WAIT_CARD_IN`, `PROCESSING`. */
  readonly steps: readonly string[];
  readonly answer: Answer | undefined;
}

export interface Answer {
  readonly kind: 'result' | 'error';
  /** `Approved`, `DECLINED`. */
  readonly text: string;
}

const MONEY = new Set(['Purchase', 'Refund']);

/** Pairs the requests of registers with their answers, oldest first. An answer whose request is unknown is left out. */
export function exchangesOf(messages: readonly LoggedMessage[]): Exchange[] {
  const exchanges = new Map<string, Exchange>();
  const finished: Exchange[] = [];
  for (const message of messages) {
    const { kind, direction, connection, method, id } = message;
    const key = JSON.stringify([connection, id]);
    if (kind === 'request' && direction === 'in') exchanges.set(key, begin(message));
    else if (kind === 'notification' && direction === 'out') {
      for (const [open, exchange] of exchanges) {
        if (exchange.connection === connection && MONEY.has(exchange.method)) {
          exchanges.set(open, { ...exchange, steps: [...exchange.steps, ...stepOf(method, message.text)] });
        }
      }
    } else if (direction === 'out' && (kind === 'result' || kind === 'error')) {
      const exchange = exchanges.get(key);
      if (exchange === undefined) continue;
      exchanges.delete(key);
      finished.push({ ...exchange, answer: answerOf(kind, exchange.method, message.text) });
    }
  }
  return [...finished, ...exchanges.values()].toSorted((one, other) => one.number - other.number);
}

function begin({ number, time, connection, method, text }: LoggedMessage): Exchange {
  const { amount, currency } = membersOf(text);
  return {
    number,
    time,
    connection,
    method,
    amount:
      Number.isSafeInteger(amount) && typeof currency === 'string'
        ? formatMinor(amount as number, currency)
        : undefined,
    steps: [],
    answer: undefined,
  };
}

function stepOf(method: string, text: string): string[] {
  const { transaction_status: status } = membersOf(text);
  return method === 'StatusEvent' && typeof status === 'string' ? [status] : [];
}

function answerOf(kind: 'result' | 'error', method: string, text: string): Answer {
  if (kind === 'result') return { kind, text: MONEY.has(method) ? 'Approved' : 'OK' };
  const { data, message } = membersOf(text);
  const code = (data as { string_code?: unknown } | undefined)?.string_code ?? message;
  return { kind, text: typeof code === 'string' ? code : 'Error' };
}

/** Empty where the text was cut off. */
function membersOf(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
