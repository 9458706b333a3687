/**
 * Whether a card network issues numbers that begin with these digits and have this length. 1 in 25 numbers of 16 random
 * digits passes this and the Luhn check.
 *
 * Source: ISO/IEC 7812 ranges as the networks publish them; the newer national networks, and fuel cards (70), too
 *
 * @param prefix the first six digits
 */
export function isIssued(prefix: number, length: number): boolean {
  ranges ??= NETWORKS.flatMap(readRanges);
  return isIn(ranges, prefix, length);
}

/**
 * Whether one of the networks does that most cards belong to: for places where others would be found by chance too
 * often.
 */
export function isIssuedOften(prefix: number, length: number): boolean {
  often ??= OFTEN.flatMap(readRanges);
  return isIn(often, prefix, length);
}

function isIn(among: readonly Range[], prefix: number, length: number): boolean {
  return among.some(
    ({ from, to, lengths }) => prefix >= from && prefix <= to && (lengths & (1 << length)) !== 0,
  );
}

export const MIN_CARD_DIGITS = 12;
export const MAX_CARD_DIGITS = 19;

interface Range {
  readonly from: number;
  readonly to: number;
  /** A bit for each length. */
  readonly lengths: number;
}

/** Made at the first number that passes the Luhn check: most processes never see one. */
let ranges: readonly Range[] | undefined;
let often: readonly Range[] | undefined;

/** Prefixes or ranges of them, then the lengths of the numbers. */
const NETWORKS = [
  '4: 13 16 18 19', // Visa
  '51-55 2221-2720: 16', // Mastercard
  '34 37: 15', // American Express
  '300-305 3095 36 38-39: 14-19', // Diners Club
  '3528-3589 353 356: 16-19', // JCB, RuPay
  '1800 2131: 15', // JCB, older
  '1: 15', // UATP
  '6011 644-649 65: 16 19', // Discover, RuPay, Elo, Troy, Verve
  '60: 16 19', // RuPay, Hipercard, gift cards, Bancontact
  '62: 14-19', // UnionPay
  '81-82: 16 19', // UnionPay, RuPay
  '50 56-58 67 6304 6390: 12-19', // Maestro, Elo, Verve, girocard, Bancontact, Laser
  '63 66 68-69: 16 18 19', // Maestro, InterPayment, InstaPayment, Switch, Solo, Jaywan
  '3841: 16-19', // Hipercard
  '2200-2205: 16-19', // Mir, Borica, PayPak
  '1946: 16', // GPN
  '286900: 16', // Carnet
  '31: 19', // T-Union
  '70: 16-19', // fuel cards: DKV, UTA, euroShell, Routex
  '7088 8699: 15', // Voyager
  '8600 9860 9112 9051 94 9792: 16', // Uzcard, Humo, Belkart, ArCa, BC Card, Troy
  '9704: 16 19', // Napas
  '9804: 14 16', // Prostir
];

/** Visa, Mastercard, Amex, Discover, JCB, UnionPay, Maestro, Mir. */
const OFTEN = ['4 51-55 2221-2720 6011 644-649 65 3528-3589 62 67 2200-2204: 16', '34 37: 15'];

function readRanges(network: string): Range[] {
  const [prefixes = '', lengthText = ''] = network.split(': ');
  const lengths = bordersOf(lengthText).reduce((bits, [first, last]) => {
    for (let length = Number(first); length <= Number(last); length++) bits |= 1 << length;
    return bits;
  }, 0);
  return bordersOf(prefixes).map(([first, last]) => ({
    from: Number(first.padEnd(6, '0')),
    to: Number(last.padEnd(6, '9')),
    lengths,
  }));
}

/** `51-55 6011` as pairs of the first and the last. */
function bordersOf(text: string): (readonly [first: string, last: string])[] {
  return text.split(' ').map((word) => {
    const [first = '', last = first] = word.split('-');
    return [first, last];
  });
}
