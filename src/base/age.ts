/** How long something took or lasts, for people: `43s`, `12m`, `3d`; below zero where the clock has been set back. */
export function ageText(ms: number): string {
  const seconds = Math.round(Math.abs(ms) / 1000);
  const [unit, size] = UNITS.find(([, size]) => seconds >= 2 * size) ?? ['s', 1];
  return `${ms < 0 && seconds > 0 ? '-' : ''}${Math.floor(seconds / size)}${unit}`;
}

const UNITS: readonly (readonly [string, number])[] = [
  ['d', 86_400],
  ['h', 3600],
  ['m', 60],
];
