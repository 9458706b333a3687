/** A number as JSON writes it: sign, whole part, fraction, exponent. */
const NUMBER = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/;
/** Beyond it an exponent says nothing that fits. */
const MAX_EXPONENT_CHARACTERS = 6;

/**
 * The decimal digits of a JSON number that is an integer by its value: `17`, `17.0` and `1.7e1` are all `17`, `-0` is
 * `0`. The text is read, not a double, so that no two integers are taken for one.
 *
 * @param maxDigits more make it no integer that anybody means.
 * @returns undefined for what is no integer, or too long a one.
 */
export function integerText(literal: string, maxDigits = 128): string | undefined {
  const parts = NUMBER.exec(literal);
  if (parts === null) return undefined;
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = parts;
  const digits = `${whole}${fraction}`.replace(/^0+/, '');
  if (digits === '') return '0';
  if (exponent.length > MAX_EXPONENT_CHARACTERS) return undefined;
  const significant = trimZeros(digits);
  const zeros = digits.length - significant.length + Number(exponent) - fraction.length;
  if (zeros < 0 || significant.length + zeros > maxDigits) return undefined;
  return `${sign}${significant}${'0'.repeat(zeros)}`;
}

/** Without the zeros at its end, in linear time. */
function trimZeros(digits: string): string {
  let end = digits.length;
  while (digits[end - 1] === '0') end -= 1;
  return digits.slice(0, end);
}
