import type { DialectRow } from '../row.ts';

export const nexoRow = {
  name: 'nexo',
  roles: ['answers', 'dials', 'listens'],
  options: [
    {
      name: 'vendor',
      value: 'NAME',
      help: 'whose variant of the protocol: plain, adyen or datamesh; default: plain',
    },
    { name: 'poi-id', value: 'POIID', help: "the terminal's name; default: what the first request calls it" },
    { name: 'require-login', help: 'refuse everything else before a Login' },
    {
      name: 'keys',
      value: 'FILE',
      help: 'keys that messages are protected by, a JSON file; default: in the clear',
    },
  ],
  lacks: ['keepalive', 'sync'],
  setUp: async (settings) => (await import('./dialect.ts')).setUp(settings),
} as const satisfies DialectRow;
