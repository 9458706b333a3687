import type { AskingDialect } from '../dialect/asking.ts';

/** Which call of a client makes, and records, a request that moves money; also the action of `posbridge pos`. */
const MAKERS: ReadonlyMap<string, string> = new Map([
  ['Purchase', 'purchase'],
  ['Refund', 'refund'],
  ['Reversal', 'reverse'],
]);

export function makerOf(method: string): string | undefined {
  return MAKERS.get(method);
}

/** Throws a TypeError for what has a call of its own, or none. */
export function refuseOwn(method: string, { transactions }: AskingDialect): void {
  if (typeof method !== 'string') throw new TypeError('method: not a text');
  const maker = makerOf(method);
  if (maker !== undefined) throw new TypeError(`method: ${method} is made by ${maker}(), which records it`);
  if (transactions.methods.includes(method)) {
    throw new TypeError(`method: ${method} moves money, and nothing would be recorded of it`);
  }
  if (method.startsWith('_')) throw new TypeError(`method: ${method} belongs to the transport`);
}
