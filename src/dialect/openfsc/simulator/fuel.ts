/** What is sold: a price in thousandths of a currency unit a litre, a tax rate in thousandths. */
export interface Fuel {
  readonly productId: string;
  readonly category: string;
  /** As customers read it. */
  readonly name: string;
  readonly priceMilli: number;
  readonly vatPermille: number;
}

/** The amounts of a sale as OpenFSC writes them: exact decimal strings that add up. */
export interface SaleAmounts {
  readonly priceWithVat: string;
  readonly priceWithoutVat: string;
  readonly vatRate: string;
  readonly vatAmount: string;
  readonly volume: string;
  readonly pricePerUnit: string;
}

/** The sale of so many centilitres; cents are rounded half up, the tax is what is left. */
export function saleOf({ priceMilli, vatPermille }: Fuel, volumeCl: number): SaleAmounts {
  const gross = divideRounded(volumeCl * priceMilli, 1000);
  const net = divideRounded(gross * 1000, 1000 + vatPermille);
  return {
    priceWithVat: decimal(gross, 2),
    priceWithoutVat: decimal(net, 2),
    vatRate: decimal(vatPermille, 1),
    vatAmount: decimal(gross - net, 2),
    volume: decimal(volumeCl, 2),
    pricePerUnit: decimal(priceMilli, 3),
  };
}

/** The most that can be dispensed for `credit`, a decimal; at most `wishCl`. */
export function volumeFor({ priceMilli }: Fuel, credit: string, wishCl: number): number {
  const cents = centsOf(credit);
  const enough = divideRounded(wishCl * priceMilli, 1000);
  if (cents >= BigInt(enough)) return wishCl;
  let volumeCl = Math.floor((Number(cents) * 1000) / priceMilli);
  while (divideRounded(volumeCl * priceMilli, 1000) > Number(cents)) volumeCl -= 1;
  return volumeCl;
}

/** Whole cents of a decimal, however long it is. */
export function centsOf(text: string): bigint {
  const [whole = '0', fraction = ''] = text.split('.');
  return BigInt(whole) * 100n + BigInt(fraction.slice(0, 2).padEnd(2, '0'));
}

export function decimal(value: number, digits: number): string {
  const text = String(value).padStart(digits + 1, '0');
  return `${text.slice(0, -digits)}.${text.slice(-digits)}`;
}

function divideRounded(value: number, by: number): number {
  return Math.floor((2 * value + by) / (2 * by));
}
