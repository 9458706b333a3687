import type { DialectRow } from '../row.ts';

export const ocppRow = {
  name: 'ocpp1.6',
  roles: ['answers', 'listens'],
  options: [
    {
      name: 'database',
      value: 'URL',
      help: 'where charge points, transactions and messages are kept: sqlite:PATH or postgres://…; default: a SQLite file in the state folder',
    },
    {
      name: 'chargers',
      value: 'FILE',
      help: 'the charge points that may connect, and how they prove who they are; default: any, from this machine',
    },
    { name: 'heartbeat', value: 'SECONDS', help: 'between heartbeats of a charge point; default: 300' },
    {
      name: 'lenient',
      value: 'IDENTITY,…',
      help: 'repair payloads of these charge points where firmware is known to be wrong; *: of all',
    },
    {
      name: 'data-transfer',
      value: 'VENDOR[/MESSAGE]=CHANNEL,…',
      help: 'which channel takes DataTransfer of which vendor; *=CHANNEL: of all others',
    },
    {
      name: 'spool',
      help: 'keep StopTransaction, MeterValues and security events for an application that is away',
    },
    { name: 'frames-keep', value: 'DAYS', help: 'how long messages stay in the database; default: 30' },
  ],
  lacks: [
    'keepalive',
    'max-frame',
    'sync',
    'identity',
    'outcome',
    'outcome-wait',
    'not-found-after',
    'repeat-window',
    'journal',
    'journal-keep',
    'lock',
  ],
  simulator: () => import('./simulator/simulator.ts'),
  demo: async () => (await import('./simulator/demo.ts')).demo,
  inspects: async () => (await import('./inspecting.ts')).inspector,
  setUp: async (settings) => (await import('./dialect.ts')).setUp(settings),
} as const satisfies DialectRow;
