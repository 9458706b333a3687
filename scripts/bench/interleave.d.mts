export type Contestant = () => Promise<Readonly<Record<string, number>>>;
export function interleave(
  contestants: Readonly<Record<string, Contestant>>,
  options: { readonly rounds: number; readonly warmUp?: number },
): Promise<Record<string, Record<string, number[]>>>;
