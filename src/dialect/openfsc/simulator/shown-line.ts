import { maskText } from '../../../base/mask.ts';
import { escapeActive } from '../../../base/printable.ts';
import { INITIAL, type Line } from '../line.ts';
import { isMethod, type MethodName, readArguments } from '../methods.ts';

/**
 * A wire line for people and programs to read: secrets and card data are `***`, and where a line of that kind is
 * malformed, all of it is. Control characters are escaped.
 */
export function shownLine({ session, tag, method, rest }: Omit<Line, 'kind'>): string {
  const prefix = session === INITIAL ? '' : `${session}.`;
  const shown = shownRest(method, rest);
  return escapeActive(maskText(`${prefix}${tag} ${method}${shown === '' ? '' : ` ${shown}`}`));
}

function shownRest(method: string, rest: string): string {
  const name = method.toUpperCase();
  if (!isMethod(name) || !(name in OPEN_ARGUMENTS)) return rest;
  const read = readArguments(name, rest);
  if (name !== method || !read.ok) return '***';
  const open = OPEN_ARGUMENTS[name] ?? [];
  return [...open.map((argument) => read.values[argument] ?? ''), '***'].join(' ');
}

/** Methods with a secret in the last argument, and the arguments before it. */
const OPEN_ARGUMENTS: Readonly<Partial<Record<MethodName, readonly string[]>>> = {
  PLAINAUTH: ['siteAccessKey'],
  TRANSACTIONINFO: ['fscTransactionId', 'key'],
  PAN: ['fscTransactionId'],
};
