import type { DialectRow } from '../../../src/dialect/row.ts';

export const toyRow: DialectRow = {
  name: 'toy',
  roles: ['listens'],
  options: [{ name: 'toy-names', value: 'NAME,…', help: 'which toys may connect' }],
  lacks: ['keepalive', 'sync'],
  setUp: async (settings) => (await import('./dialect.ts')).setUp(settings),
};
