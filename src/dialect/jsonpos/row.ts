import type { DialectRow } from '../row.ts';
import { jsonpos } from './dialect.ts';

export const jsonposRow = {
  name: 'jsonpos',
  roles: ['answers', 'dials', 'listens', 'asks'],
  options: [],
  lacks: [],
  demo: async () => (await import('./demo.ts')).demo,
  inspects: async () => (await import('./inspecting.ts')).inspector,
  setUp: async () => jsonpos,
  asks: async () => (await import('./asking.ts')).jsonposAsking,
} as const satisfies DialectRow;
