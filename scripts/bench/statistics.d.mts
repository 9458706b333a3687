export interface Summary {
  readonly median: number;
  readonly low: number;
  readonly high: number;
  readonly min: number;
  readonly max: number;
  readonly samples: number;
}
export type Goal = { readonly atMost: number } | { readonly atLeast: number };
export interface Comparison {
  readonly title: string;
  readonly unit: string;
  readonly goal?: Goal;
  readonly subject?: string;
  readonly reference?: string;
  /** Samples by contestant. */
  readonly results: Readonly<Record<string, readonly number[]>>;
}
export interface Row extends Summary {
  readonly name: string;
  /** To the median of the reference. */
  readonly ratio?: number;
  /** To the median of the same build's twin. */
  readonly toTwin?: number;
}
export interface Evaluation extends Omit<Comparison, 'results'> {
  readonly ratio?: number | undefined;
  readonly met?: boolean | undefined;
  readonly rows: readonly Row[];
}
export function quantile(samples: readonly number[], part: number): number;
export function summarize(samples: readonly number[]): Summary;
export function isMet(ratio: number, goal: Goal | undefined): boolean | undefined;
export function evaluate(comparison: Comparison): Evaluation;
