import { MASK } from './rules.ts';
import { type Cut, JOINER, skip } from './run.ts';
import { quoteLevel } from './symbols.ts';

/** Digits, then what only track data has behind them: no check digit is asked for. */
export function isTrackData(text: string, at: number): boolean {
  return text[at] === '^' || skip(TRACK_2_SURE, text, at) > at;
}

/** Hides the data behind a card number and returns where it ends. */
export function maskTrackRest(text: string, at: number, cuts: Cut[]): number {
  let from = skip(TRACK_2, text, at);
  let to = skip(TRACK_2_DATA, text, from);
  if (from === at) {
    if (text[at] !== '^') return at;
    from = at + 1;
    to = endOfTrack1(text, from);
  }
  if (to > from) cuts.push({ from, to, by: MASK });
  return to;
}

function endOfTrack1(text: string, from: number): number {
  const limit = Math.min(text.length, from + MAX_TRACK_1);
  let to = from;
  while (to < limit && quoteLevel(text[to]) === undefined && !TRACK_1_END.test(text.charAt(to))) to++;
  return to;
}

/** Track 2 as text (`=`) or as hex digits (`D`): expiry, service code, discretionary data. */
const TRACK_2 = new RegExp(`${JOINER}{0,8}[=Dd]${JOINER}{0,8}(?=\\d)`, 'y');
const TRACK_2_DATA = /[0-9A-Fa-f=]+(?: [0-9A-Fa-f]{2}(?![0-9A-Za-z]))*/y;
const TRACK_2_SURE = /[=Dd]\d{7}/y;
/** Track 1: name, expiry and the rest, up to its end sentinel. */
const TRACK_1_END = /[?<>\p{Cc}]/u;
const MAX_TRACK_1 = 128;
