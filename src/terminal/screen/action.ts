import type { ScreenAction } from '../screen-model.ts';

type Key = Extract<ScreenAction, { do: 'key' }>['key'];
type Members = Readonly<Record<string, unknown>>;

const KEYS: ReadonlySet<unknown> = new Set<Key>([
  ...(['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'] as const),
  ...(['clear', 'stop', 'ok'] as const),
]);
const MAX_CARD_CHARACTERS = 64;
const MAX_TEXT_CHARACTERS = 1000;

/** Reads what a browser sent: exactly one of the actions, with its members and no others; else undefined. */
export function parseAction(text: string): ScreenAction | undefined {
  const members = parseObject(text);
  if (members === undefined) return undefined;
  const { do: verb, card, key, text: entered, accepted } = members;
  switch (verb) {
    case 'insert':
    case 'tap':
      return isText(card, MAX_CARD_CHARACTERS) && has(members, 2) ? { do: verb, card } : undefined;
    case 'key':
      return isKey(key) && has(members, 2) ? { do: verb, key } : undefined;
    case 'text':
      return isText(entered, MAX_TEXT_CHARACTERS) && has(members, 2)
        ? { do: verb, text: entered }
        : undefined;
    case 'sign':
      return typeof accepted === 'boolean' && has(members, 2) ? { do: verb, accepted } : undefined;
    case 'remove':
    case 'tear-receipt':
      return has(members, 1) ? { do: verb } : undefined;
    default:
      return undefined;
  }
}

function parseObject(text: string): Members | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Members)
      : undefined;
  } catch {
    return undefined;
  }
}

function has(members: Members, count: number): boolean {
  return Object.keys(members).length === count;
}

function isText(value: unknown, maxCharacters: number): value is string {
  return typeof value === 'string' && value.length <= maxCharacters;
}

function isKey(value: unknown): value is Key {
  return KEYS.has(value);
}
