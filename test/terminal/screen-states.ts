import type { ScreenState } from '../../src/terminal/screen-model.ts';

const amount = { text: '123456.78', currency: 'EUR' };
const receipts = [
  Array.from({ length: 60 }, (_, line) => `Line ${line} of a long receipt, 40 wide ......`),
  ['Thank you'],
];
const approved = { kind: 'approved', text: 'Approved' } as const;
const registers = [
  {
    connection: `${'a-very-long-name-'.repeat(8)}.4711`,
    peer: '2001:db8::7',
    activity: 'Purchase 12.30 EUR',
  },
  { connection: '', peer: '' },
];

/** The main states, with texts as long as they get. */
export const STATES: Readonly<Record<string, Partial<ScreenState>>> = {
  idle: {},
  'wait-card': { stage: 'wait-card', lines: ['Insert or tap the card'], amount, registers },
  pin: {
    stage: 'pin',
    lines: ['Enter PIN'],
    amount,
    insertedCard: 'debit',
    entered: { kind: 'pin', count: 12 },
  },
  processing: { stage: 'processing', lines: ['Please wait'], amount },
  approved: {
    stage: 'remove-card',
    lines: ['Remove the card'],
    amount,
    insertedCard: 'debit',
    receipts,
    lastOutcome: approved,
  },
  'approved, idle': { receipts, lastOutcome: approved },
  declined: {
    stage: 'message',
    lines: ['Declined'],
    amount,
    lastOutcome: { kind: 'declined', text: 'Declined' },
  },
  cancelled: { lastOutcome: { kind: 'cancelled', text: 'Cancelled' } },
  signature: { stage: 'signature', lines: ['Check the signature'], amount, receipts },
  'text input': {
    stage: 'text-input',
    lines: ['Customer number'],
    entered: { kind: 'text', text: '0'.repeat(100) },
  },
  message: { stage: 'message', lines: ['Special offer', 'x'.repeat(200), '', 'Today only'] },
  suspended: { stage: 'suspended', lines: ['Out of service'] },
  'no broker': {
    lines: ['Reconnecting …', 'wss://broker.example/'.padEnd(120, 'x'), 'Attempt 3', 'connection refused'],
    link: { isConnected: false, place: 'wss://broker.example/' },
  },
  broker: {
    stage: 'pin',
    lines: ['Enter PIN'],
    amount,
    link: { isConnected: true, place: 'wss://b.example/' },
  },
  automatic: { isInteractive: false, stage: 'wait-card', lines: ['Insert or tap the card'], amount },
};
