/** How a transaction goes when nobody sits at the screen: the last two digits of its amount decide. */
export type Course =
  | 'approved'
  | 'declined'
  | 'card-removed'
  | 'no-card'
  | 'wrong-pin'
  | 'dies'
  | 'late'
  | 'signature';

/** By the last two digits of the amount in minor units; documented in docs/terminal.md. */
export const COURSES: Readonly<Record<string, Course>> = {
  '01': 'declined',
  '02': 'card-removed',
  '03': 'no-card',
  '04': 'wrong-pin',
  '05': 'dies',
  '06': 'late',
  '07': 'signature',
};

/** How long a `late` transaction takes, whatever the delay is. */
export const LATE_MS = 90_000;

export function courseOf(amountMinor: number): Course {
  return COURSES[String(amountMinor % 100).padStart(2, '0')] ?? 'approved';
}
