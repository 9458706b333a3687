import type { DialectRow } from '../row.ts';

export const ecrEftRow = {
  name: 'ecr-eft',
  roles: ['answers', 'dials', 'listens', 'asks'],
  options: [
    {
      name: 'parameters',
      value: 'FILE',
      help: 'what D4 is answered with: one D5 message without STX, ETX and check byte',
    },
    {
      name: 'kind-c',
      value: 'refuse|check',
      help: 'what S1 of kind C means: nothing that is carried out, or a question about an earlier payment; default: refuse',
    },
    {
      name: 'cashback',
      value: 'within|on-top',
      help: 'whether the gross amount of S1 includes the cashback; default: only where net and VAT show that it does',
    },
  ],
  lacks: ['max-frame', 'sync'],
  demo: async () => (await import('./demo.ts')).demo,
  inspects: async () => (await import('./inspecting.ts')).inspector,
  setUp: async (settings) => (await import('./dialect.ts')).setUp(settings),
  asks: async (settings) => (await import('./asks.ts')).asks(settings),
  terminalOptions: [{ name: 'parameters', value: 'FILE', help: 'what D4 of the terminal is answered with' }],
} as const satisfies DialectRow;
