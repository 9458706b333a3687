import { isObject, type Json, type JsonObject } from '../../rpc/json-tree.ts';

/**
 * A tree without some members, each given by its path; objects that become empty go, too. Undefined where nothing is
 * left.
 */
export function without(tree: JsonObject, paths: readonly string[]): JsonObject | undefined {
  let rest: JsonObject | undefined = tree;
  for (const path of paths) rest = rest && withoutPath(rest, path.split('.'));
  return rest;
}

function withoutPath(tree: JsonObject, [name = '', ...deeper]: readonly string[]): JsonObject | undefined {
  if (!Object.hasOwn(tree, name)) return tree;
  const { [name]: member, ...others } = tree;
  const inside = deeper.length > 0 && isObject(member) ? withoutPath(member, deeper) : undefined;
  const isWhole = deeper.length > 0 && !isObject(member);
  const rest: JsonObject = isWhole ? tree : inside === undefined ? others : { ...others, [name]: inside };
  return Object.keys(rest).length === 0 ? undefined : rest;
}

/** Both trees in one; where both have a member that is no object, the first one's counts. */
export function merged(first: JsonObject, second: JsonObject | undefined): JsonObject {
  if (second === undefined) return first;
  const result: Record<string, Json | undefined> = { ...second };
  for (const [name, member] of Object.entries(first)) {
    const other = Object.hasOwn(second, name) ? second[name] : undefined;
    if (member !== undefined)
      result[name] = isObject(member) && isObject(other) ? merged(member, other) : member;
  }
  return result;
}
