/** What stands in braces in an endpoint text and is filled in for each connection. */
export const PLACEHOLDERS = ['connection', 'peer', 'identity', 'pid'] as const;
export type Placeholder = (typeof PLACEHOLDERS)[number];

export type PlaceholderValues = Readonly<Partial<Record<Placeholder, string>>>;

/** Anything in braces, for `replace` and `matchAll`; the word is the first group. */
export const BRACES = /\{([^{}]*)\}/g;

export function isPlaceholder(word: string): word is Placeholder {
  return (PLACEHOLDERS as readonly string[]).includes(word);
}

/** The placeholders of a text, each once, in order. */
export function placeholdersIn(text: string): Placeholder[] {
  const words = [...text.matchAll(BRACES)].map((match) => match[1] ?? '');
  return [...new Set(words.filter(isPlaceholder))];
}
