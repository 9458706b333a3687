// HAP, channel storage: the acquirer. Its book is the only place where money moves. hap.mjs SOCKET BOOK-FILE
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { error, keyOf, refused, serve } from './module.mjs';

const [, , place, book] = process.argv;
const saved = existsSync(book) ? JSON.parse(readFileSync(book, 'utf8')) : {};
const entries = new Map(saved.entries);
let period = saved.period ?? 1;
let lastClosed = saved.lastClosed;

/** On the disk before anybody hears of it. Only then it is so: a book that cannot be written keeps what it had. */
function save(next) {
  writeFileSync(`${book}.new`, JSON.stringify({ entries: [...entries], period, lastClosed, ...next }), {
    flush: true,
  });
  renameSync(`${book}.new`, book);
  const folder = openSync(dirname(book), 'r');
  fsyncSync(folder);
  closeSync(folder);
}
function keep(key, entry) {
  const kept = { period, ...entry };
  save({ entries: [...new Map(entries).set(key, kept)] });
  entries.set(key, kept);
  return entry.answer;
}
const notFound = error('TRANSACTION_NOT_FOUND', 'no such transaction');

/** Whatever it answers it answers for ever: what was not here when it was asked for can never be charged later. */
function check(params) {
  const known = entries.get(keyOf(params));
  if (known === undefined) return keep(keyOf(params), { method: 'Check', answer: notFound });
  return known.answer ?? error('TRANSACTION_ACTIVE', 'FAST is at it');
}

/** FAST begins, so that it is known here whatever becomes of FAST. */
function begin({ method, ...params }) {
  if (entries.has(keyOf(params))) return error('DUPLICATE_TRANSACTION', 'these identifiers were used before');
  keep(keyOf(params), { method });
  return { result: {} };
}

/** Asked twice it decides once. */
function decide({ method, isAborted, amount, currency, ...params }) {
  const key = keyOf(params);
  const decided = entries.get(key)?.answer;
  if (decided !== undefined) return decided;
  if (isAborted) return keep(key, { method, answer: refused('ABORTED', 'the register ended it') });
  if (amount % 100 === 1) return keep(key, { method, answer: refused('DECLINED', 'not enough money') });
  return keep(key, { method, answer: approval(amount, currency) });
}

/** FAST does not know it any more: undecided, it never will be. */
function end(params) {
  const known = entries.get(keyOf(params));
  if (known === undefined || known.answer !== undefined) return check(params);
  return keep(keyOf(params), { ...known, answer: refused('TRANSACTION_INTERRUPTED', 'it was cut off') });
}

const approval = (amount, currency) => ({
  result: {
    amount,
    currency,
    card_scheme: 'EXAMPLE',
    transaction_id: `HAP-${entries.size + 1}`,
    timestamp: new Date().toISOString(),
  },
});

/** As a whole, and once. No card is needed, so the request comes here at once (`--route Reversal=storage`). */
function reverse({ amount, currency, ...params }) {
  const [key, original] = [keyOf(params), keyOf(params, 'original_')];
  if (entries.has(key)) return error('DUPLICATE_TRANSACTION', 'these identifiers were used before');
  const { method, answer } = entries.get(original) ?? {};
  const isUndone = [...entries.values()].some(({ undoes }) => undoes === original);
  const fits = answer?.result?.amount === amount && answer.result.currency === currency;
  if (method === 'Reversal' || isUndone || !fits)
    return keep(key, { method: 'Reversal', answer: refused('REVERSAL_REFUSED', 'there is nothing to undo') });
  return keep(key, { method: 'Reversal', answer: approval(amount, currency), undoes: original });
}

function totals({ close = false }) {
  const lines = new Map();
  for (const { method, answer, period: of } of entries.values()) {
    if (of !== period || answer?.result === undefined) continue;
    const { amount, currency, card_scheme } = answer.result;
    const line = lines.get(method + currency) ?? { method, card_scheme, currency, count: 0, amount: 0 };
    lines.set(method + currency, { ...line, count: line.count + 1, amount: line.amount + amount });
  }
  const result = {
    period,
    closed: close,
    totals: [...lines.values()],
    ...(lastClosed && { last_closed: lastClosed }),
  };
  if (close) {
    const closed = { period, totals: result.totals };
    save({ period: period + 1, lastClosed: closed });
    [period, lastClosed] = [period + 1, closed];
  }
  return { result };
}

serve(place, (method, params) => {
  if (method === 'Check') return check(params);
  if (method === 'Reversal') return reverse(params);
  if (method === 'Totals') return totals(params);
  if (method === 'hap.Begin') return begin(params);
  if (method === 'hap.End') return end(params);
  return method === 'hap.Decide' ? decide(params) : undefined;
});
