import type { DialectRow } from '../dialect.ts';
import { jsonpos } from './dialect.ts';

export const jsonposRow = {
  name: 'jsonpos',
  roles: ['answers', 'dials', 'listens', 'asks'],
  options: [],
  lacks: [],
  setUp: async () => jsonpos,
} as const satisfies DialectRow;
