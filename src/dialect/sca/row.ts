import type { DialectRow } from '../row.ts';

export const scaRow = {
  name: 'sca',
  roles: ['answers', 'dials', 'listens'],
  options: [
    {
      name: 'role',
      value: 'terminal|broker',
      help: 'answer registers as a terminal, or let terminals dial in; default: terminal',
    },
    { name: 'no-subprotocol', help: 'broker: do not repeat the subprotocol sci in the handshake' },
    { name: 'unnamed-terminals', help: 'broker: let in terminals without x-vfi-pinpad-id' },
    {
      name: 'host-timeout',
      value: 'SECONDS',
      help: 'broker: how long a terminal may still be posting a payment whose answer is lost; default: 150',
    },
    {
      name: 'currency',
      value: 'CODE',
      help: 'what amounts are in, since the protocol names none; with --app simulator: USD',
    },
    { name: 'pinpad-id', value: 'ID', help: 'how the broker knows the terminal (x-vfi-pinpad-id)' },
    {
      name: 'skip-pos-auth',
      help: 'over WebSocket: registers need no MAC, and SECURITY commands are refused (SKIPPOSAUTH=1)',
    },
    { name: 'auto-pair', help: 'registers pair without a code that is typed at the terminal (AUTOPAIR=1)' },
    {
      name: 'terminal-state',
      value: 'DIR',
      help: 'where registrations, counters and the last payments are remembered; default: sca-terminal in the journal',
    },
    {
      name: 'assume',
      value: 'NAME=VALUE,...',
      help: 'what the specification leaves open; docs/sca.md has the names',
    },
  ],
  lacks: ['keepalive', 'max-frame', 'sync'],
  setUp: async (settings) => (await import('./dialect.ts')).setUp(settings),
} as const satisfies DialectRow;
