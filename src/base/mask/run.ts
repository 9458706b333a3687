/** Spaces and dashes of every kind, but no line breaks. */
export const JOINER =
  '[ \\t\\-\\u00a0\\u00ad\\u2000-\\u200d\\u2010-\\u2015\\u202f\\u205f\\u2060\\u2212\\u3000\\ufeff\\uff0d]';
const JOINERS = new RegExp(`${JOINER}+`, 'y');
/** What else may stand between groups: no letters, no stars, and nothing that separates the fields of a track. */
const SEPARATORS = new RegExp(
  [
    '[\\u0000-)+-/:-<>-@[-\\]_`{-\\u00bf\\u02b0-\\u036f\\u060c\\u061b\\u061c\\u066a-\\u066d\\u06d4\\u180e',
    '\\u2000-\\u2bff\\u3000-\\u303f\\ud800-\\uf8ff\\ufe00-\\ufe6f\\ufeff-\\uff0f\\uff1a-\\uff20\\uffe0-\\uffff]{1,12}',
  ].join(''),
  'y',
);

const DIGITS = /\d+/y;

/** Characters `from` to `to` of a decoded text. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** What stands there instead. */
export interface Cut extends Span {
  readonly by: string;
}

/** A group of digits. */
export interface Token extends Span {
  /** What stands before it: spaces and dashes behind another group, other separators, or no group. */
  readonly gap: 'tight' | 'loose' | 'none';
}

/** Groups with nothing but separators between them. */
export type Run = readonly Token[];

/** The end of a sticky match at this place; the place itself if there is none. */
export function skip(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : at;
}

/** @param first where its first digit is */
export function readRun(text: string, first: number): Run {
  const run: Token[] = [];
  let token: Token | undefined = { from: first, to: skip(DIGITS, text, first), gap: 'none' };
  for (; token !== undefined; token = nextToken(text, token.to)) run.push(token);
  return run;
}

function nextToken(text: string, at: number): Token | undefined {
  for (const [gap, pattern] of GAPS) {
    const from = skip(pattern, text, at);
    const to = from > at ? skip(DIGITS, text, from) : from;
    if (to > from) return { from, to, gap };
  }
  return undefined;
}

const GAPS = [
  ['tight', JOINERS],
  ['loose', SEPARATORS],
] as const;
