import type { TestCard } from './screen-model.ts';

export type EntryMode = 'CHIP' | 'CONTACTLESS' | 'MAGSTRIPE';
export type Verification = 'PIN' | 'SIGNATURE' | 'NONE';

export interface Card extends TestCard {
  readonly maskedNumber: string;
  /** How it is read when it is put into the terminal. */
  readonly inserted: EntryMode;
  /** How its holder is known when it is inserted; a card that is tapped needs nothing. */
  readonly verification: Verification;
  /** What the issuer says. */
  readonly verdict: 'approved' | 'DECLINED' | 'CARD_EXPIRED';
}

const CHIP = { canTap: false, canInsert: true, inserted: 'CHIP', verdict: 'approved' } as const;

/** What the terminal's automatic cardholder carries. */
export const MASTERCARD: Card = {
  ...CHIP,
  id: 'mastercard',
  name: 'Mastercard, contactless and chip',
  scheme: 'Mastercard',
  canTap: true,
  maskedNumber: '541333******0010',
  verification: 'PIN',
};

/** The cards that a person at the screen can choose from; documented in docs/terminal.md. */
export const CARDS: readonly Card[] = [
  MASTERCARD,
  {
    ...CHIP,
    id: 'visa',
    name: 'Visa, contactless and chip',
    scheme: 'Visa',
    canTap: true,
    maskedNumber: '476173******0119',
    verification: 'PIN',
  },
  {
    ...CHIP,
    id: 'debit',
    name: 'Visa Debit, chip with PIN',
    scheme: 'Visa',
    maskedNumber: '445661******1096',
    verification: 'PIN',
  },
  {
    ...CHIP,
    id: 'signature',
    name: 'American Express, chip with signature',
    scheme: 'American Express',
    maskedNumber: '374245******1007',
    verification: 'SIGNATURE',
  },
  {
    ...CHIP,
    id: 'stripe',
    name: 'Mastercard, magnetic stripe only (declined)',
    scheme: 'Mastercard',
    maskedNumber: '520424******1234',
    inserted: 'MAGSTRIPE',
    verification: 'NONE',
    verdict: 'DECLINED',
  },
  {
    ...CHIP,
    id: 'expired',
    name: 'Visa, expired',
    scheme: 'Visa',
    maskedNumber: '400000******0069',
    canTap: true,
    verification: 'NONE',
    verdict: 'CARD_EXPIRED',
  },
];

export const TEST_PIN = '1234';

export function cardOf(id: string): Card | undefined {
  return CARDS.find((card) => card.id === id);
}
