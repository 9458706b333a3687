import type { LoggedMessage } from '../../screen-model.ts';
import { amountOf, codeOf, codeWords, MONEY, membersOf } from './gist.ts';

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
  /** `Approved`, `Declined`. */
  readonly text: string;
}

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
  return {
    number,
    time,
    connection,
    method,
    amount: amountOf(membersOf(text)),
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
  const code = codeOf(membersOf(text));
  return { kind, text: code === undefined ? 'Error' : codeWords(code) };
}
