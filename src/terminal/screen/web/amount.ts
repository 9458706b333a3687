/** An integer in the currency's smallest unit as people write it: 1230 EUR is `12.30 EUR`. */
export function formatMinor(amountMinor: number, currency: string): string {
  const digits = fractionDigits(currency);
  const text = String(Math.abs(amountMinor)).padStart(digits + 1, '0');
  const sign = amountMinor < 0 ? '-' : '';
  const [whole, fraction] = [text.slice(0, text.length - digits), text.slice(text.length - digits)];
  return `${sign}${whole}${digits === 0 ? '' : `.${fraction}`} ${currency}`.trim();
}

/** 2 for a currency that the browser does not know. */
function fractionDigits(currency: string): number {
  try {
    const format = new Intl.NumberFormat('en', { style: 'currency', currency });
    return format.resolvedOptions().maximumFractionDigits ?? 2;
  } catch {
    return 2;
  }
}
