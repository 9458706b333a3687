/** The amounts of a sale that depend on each other, as decimals: digits, a point, digits. */
export interface Sums {
  readonly gross: string;
  readonly net: string;
  readonly vat: string;
  readonly volume: string;
  readonly pricePerUnit: string;
}

/**
 * What does not add up in a sale. A difference below one unit of the last digit that is given counts as rounding. The
 * words quote no amount.
 */
export function sumFaults({ gross, net, vat, volume, pricePerUnit }: Sums): string[] {
  const total = read(gross);
  const [netPart, vatPart, liters, price] = [read(net), read(vat), read(volume), read(pricePerUnit)];
  const digits = Math.max(netPart.scale, vatPart.scale);
  const sum: Decimal = { units: unitsAt(netPart, digits) + unitsAt(vatPart, digits), scale: digits };
  const product: Decimal = { units: liters.units * price.units, scale: liters.scale + price.scale };
  const coarsest = Math.min(total.scale, netPart.scale, vatPart.scale);
  return [
    ...(isNear(sum, total, coarsest) ? [] : ['net price and VAT do not add up to the gross price']),
    ...(isNear(product, total, total.scale) ? [] : ['volume times price per unit is not the gross price']),
  ];
}

/** `units` divided by 10 to the power of `scale`. */
interface Decimal {
  readonly units: bigint;
  readonly scale: number;
}

function read(text: string): Decimal {
  const [whole = '0', fraction = ''] = text.split('.');
  return { units: BigInt(whole + fraction), scale: fraction.length };
}

function unitsAt({ units, scale }: Decimal, wanted: number): bigint {
  return units * 10n ** BigInt(wanted - scale);
}

/** Whether two values differ by less than one unit at `digits` digits behind the point. */
function isNear(one: Decimal, other: Decimal, digits: number): boolean {
  const scale = Math.max(one.scale, other.scale);
  const difference = unitsAt(one, scale) - unitsAt(other, scale);
  const unit = 10n ** BigInt(scale - digits);
  return difference < unit && -difference < unit;
}
