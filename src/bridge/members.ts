import { scanObject } from '../rpc/scan.ts';

/** The values of these members of a JSON object, in order; a name that is undefined has none. */
export function membersIn(
  object: Buffer,
  names: readonly (string | undefined)[],
): readonly (Buffer | undefined)[] {
  const wanted = names.filter((name) => name !== undefined);
  const { values } = scanObject(object, wanted);
  return names.map((name) => (name === undefined ? undefined : values[wanted.indexOf(name)]));
}
