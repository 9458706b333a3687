import { METHODS, type MethodName, readArguments } from '../methods.ts';

/** A method's arguments in order; undefined when they are malformed. What was left out is not there. */
export function wordsOf(method: MethodName, rest: string): readonly string[] | undefined {
  const read = readArguments(method, rest);
  if (!read.ok) return undefined;
  const { args } = METHODS[method];
  const named = args.flatMap(({ name }) => (read.values[name] === undefined ? [] : [read.values[name]]));
  return [...named, ...read.list];
}
