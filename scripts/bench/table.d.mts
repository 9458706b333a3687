import type { Evaluation } from './statistics.mjs';

export function formatNumber(number: number): string;
export function formatTable(evaluations: readonly Evaluation[]): string;
