import { createHash } from 'node:crypto';

/** How much of a digest names a group, and an entry in it. */
const GROUP_LENGTH = 24;
const MEMBER_LENGTH = 16;
/** In the place of a digest, where there is nothing but the first value. */
const NO_REST = '0';

/**
 * The name of an entry: `GROUP-MEMBER`, the same for the same register and identifying values.
 *
 * @param first the value that every identity has: entries with the same one are a group.
 * @param rest the other values, as one text; undefined where none was given.
 */
export function entryId(register: string, first: string, rest?: string): string {
  const group = digest(JSON.stringify([register, first])).slice(0, GROUP_LENGTH);
  return `${group}-${rest === undefined ? NO_REST : digest(rest).slice(0, MEMBER_LENGTH)}`;
}

/** How the ids of the same group begin. */
export function groupStart(id: string): string {
  return id.slice(0, id.lastIndexOf('-') + 1);
}

/** Whether it is the one of its group that has the first value alone. */
export function isBareId(id: string): boolean {
  return id.endsWith(`-${NO_REST}`);
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
