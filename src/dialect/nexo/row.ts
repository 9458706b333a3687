import type { DialectRow } from '../row.ts';

export const nexoRow = {
  name: 'nexo',
  roles: ['answers', 'dials', 'listens', 'asks'],
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
  demo: async () => (await import('./demo.ts')).demo,
  terminalOptions: [
    { name: 'poi', value: 'POIID', help: "the terminal's name" },
    { name: 'sale', value: 'SALEID', help: "the register's name; default: --register, else posbridge" },
    { name: 'vendor', value: 'NAME', help: 'plain, adyen or datamesh; default: plain' },
    { name: 'keys', value: 'FILE', help: 'keys that messages are protected by, a JSON file' },
    {
      name: 'callback',
      value: 'ENDPOINT',
      help: 'where the terminal may post what it says by itself (https:; http: on this machine)',
    },
    { name: 'callback-url', value: 'URL', help: 'what the terminal is told of it, in X-Callback-Url' },
    { name: 'certification', value: 'CODE', help: 'CertificationCode of a Login' },
  ],
  asks: async (settings) => (await import('./asking.ts')).asks(settings),
  inspects: async () => (await import('./inspecting.ts')).inspector,
  setUp: async (settings) => (await import('./dialect.ts')).setUp(settings),
} as const satisfies DialectRow;
