import { maskText } from '../../base/mask.ts';
import { cutText } from '../../base/printable.ts';

/** Longest text of a frame that is kept, characters. */
const MAX_TEXT = 16_384;
const MASK = '***';
/** Configuration keys whose values let somebody in. */
const SECRET_KEYS = /authorization|password|passphrase|secret|\bpsk\b|pin$/i;

/**
 * A frame as it may be stored and shown: without tags, values of secret configuration keys, and what is secret
 * everywhere. Linear; a text that is no JSON is masked as running text.
 */
export function maskFrame(text: string): string {
  return maskText(cutText(MAY_HOLD_A_KEY.test(text) ? withoutSecretValues(text) : text, MAX_TEXT));
}

/** A key and its value are two members, so the names of members alone do not tell which value is secret. */
function withoutSecretValues(text: string): string {
  try {
    return JSON.stringify(hide(JSON.parse(text)));
  } catch {
    return text.replace(LOOSE_VALUE, `$1"${MASK}"`);
  }
}

function hide(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(hide);
  if (typeof value !== 'object' || value === null) return value;
  const { key } = value as { readonly key?: unknown };
  const isSecret = typeof key === 'string' && SECRET_KEYS.test(key);
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [name, isSecret && name === 'value' ? MASK : hide(member)]),
  );
}

const MAY_HOLD_A_KEY = /"key"|\\u/;
const LOOSE_VALUE = /("value"\s*:\s*)(?:"[^"]*"?|[^,}\]]*)/g;
