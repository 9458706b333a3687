import type { DialectRow } from '../row.ts';

export const openfscRow = {
  name: 'openfsc',
  roles: ['answers', 'dials'],
  options: [
    { name: 'sites', value: 'FILE', help: 'the sites and how they log in, a JSON file' },
    {
      name: 'push',
      value: 'always|subscribed',
      help: 'tell the server every change, or only those that it has asked for; default: always',
    },
    {
      name: 'standby',
      value: 'ENDPOINT',
      help: 'a second wire to the server (tcp:, unix:, wss:) that takes over, with the next priority',
    },
  ],
  lacks: ['keepalive', 'max-frame', 'sync'],
  simulator: () => import('./simulator/simulator.ts'),
  demo: async () => (await import('./simulator/demo.ts')).demo,
  inspects: async () => (await import('./inspecting.ts')).inspector,
  setUp: async (settings) => (await import('./dialect.ts')).setUp(settings),
} as const satisfies DialectRow;
