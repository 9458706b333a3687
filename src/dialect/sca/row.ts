import type { DialectRow } from '../row.ts';

export const scaRow = {
  name: 'sca',
  roles: ['answers', 'dials', 'listens', 'asks', 'simulates'],
  options: [
    {
      name: 'role',
      value: 'terminal|broker',
      help: 'answer registers as a terminal, or let terminals dial in; default: terminal',
      isNotSimulated: true,
    },
    {
      name: 'for',
      value: 'PINPAD=tcp:HOST:PRIMARY,SECONDARY;...',
      help: 'broker: registers that know only TCP find this terminal here',
      isNotSimulated: true,
    },
    {
      name: 'no-subprotocol',
      help: 'broker: do not repeat the subprotocol sci in the handshake',
      isNotSimulated: true,
    },
    {
      name: 'lenient-headers',
      help: 'broker: take headers with a space before their colon',
      isNotSimulated: true,
    },
    {
      name: 'unnamed-terminals',
      help: 'broker: let in terminals without x-vfi-pinpad-id',
      isNotSimulated: true,
    },
    {
      name: 'host-timeout',
      value: 'SECONDS',
      help: 'broker: how long a terminal may still be posting a payment whose answer is lost; default: 150',
      isNotSimulated: true,
    },
    {
      name: 'currency',
      value: 'CODE',
      help: 'what amounts are in, since the protocol names none; with a simulated terminal USD',
    },
    { name: 'pinpad-id', value: 'ID', help: 'how the broker knows the terminal (x-vfi-pinpad-id)' },
    {
      name: 'ping-interval',
      value: 'SECONDS',
      help: 'between pings to the broker, 0: none (WEBSOCKETPINGINTERVAL_1); default: 45',
    },
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
  terminalOptions: [
    {
      name: 'currency',
      value: 'CODE',
      help: 'what the terminal takes; sales in another currency are refused',
    },
    {
      name: 'host-timeout',
      value: 'SECONDS',
      help: 'how long it may still be posting a lost sale; default: 150',
    },
    { name: 'mac', value: 'auto|off', help: 'over TCP: pair with the terminal, or do not; default: auto' },
    {
      name: 'secondary',
      value: 'PORT|next|none',
      help: 'over TCP: the secondary port; none: both kinds on one; default: next, the one after the primary port',
    },
    {
      name: 'name',
      value: 'NAME',
      help: 'tells registrations with several terminals apart; default: terminal',
    },
    { name: 'pinpad', value: 'ID', help: 'over WebSocket: which terminal is meant (x-vfi-pinpad-id)' },
  ],
  demo: async () => (await import('./demo.ts')).demo,
  asks: async (settings) => (await import('./asking.ts')).asks(settings),
  inspects: async () => (await import('./inspecting.ts')).inspector,
  setUp: async (settings) => (await import('./dialect.ts')).setUp(settings),
} as const satisfies DialectRow;
