export type Contestant = () => Promise<Readonly<Record<string, number>>>;
export function setRival(other: { readonly name: string; readonly folder: string } | undefined): void;
export function twinOf(name: string): string | undefined;
export function interleave(
  contestants: Readonly<Record<string, Contestant>>,
  options: { readonly rounds: number; readonly warmUp?: number },
): Promise<Record<string, Record<string, number[]>>>;
