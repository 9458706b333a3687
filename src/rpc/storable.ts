import { isNeverStored } from '../base/mask/rules.ts';
import { maskText } from '../base/mask.ts';
import { dropMembers } from './drop-members.ts';

/**
 * A valid JSON text as it may lie on a disk: without the members that no store may ever keep (track data, verification
 * values, PINs), and with every other secret masked, also inside strings. The same string where there is none of it.
 * Nesting is the caller's to bound.
 */
export function storable(json: string): string {
  return maskText(dropMembers(json, isNeverStored));
}
