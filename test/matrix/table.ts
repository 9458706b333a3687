/**
 * Every register protocol against every payment end: what each can carry, and so what has to come of each case. The
 * tests and docs/matrix.md are made from this table; a protocol that is added adds a row to each list.
 *
 *     pos --to REGISTER+tcp ──▶ posbridge --dialect REGISTER ──▶ END: an application, the simulator, or
 *                                                                TERMINAL+tcp ──▶ posbridge --dialect TERMINAL ──▶ an
 *                                                                application
 */

export interface Protocol {
  readonly name: string;
  /** Where `posbridge serve` listens, and what `pos` connects to; `{port}` is filled in. */
  readonly place: string;
  /** `posbridge serve --dialect NAME` wants these, too. */
  readonly serveArgs: readonly string[];
  /** `?name=value` behind an endpoint of a terminal. */
  readonly query: string;
  /** `pos` wants these, too. */
  readonly posArgs: readonly string[];
  /** An outcome that was lost can be asked for. */
  readonly recovers: boolean;
  /** Also by a register that was restarted meanwhile. */
  readonly recoversAfterRestart: boolean;
  readonly refunds: boolean;
  /** An approval says how much was taken. */
  readonly saysAmount: boolean;
}

export const PROTOCOLS = [
  {
    name: 'jsonpos',
    place: 'tcp:127.0.0.1:{port}',
    serveArgs: [],
    query: '',
    posArgs: [],
    recovers: true,
    recoversAfterRestart: true,
    refunds: true,
    saysAmount: true,
  },
  {
    name: 'ecr-eft',
    place: 'tcp:127.0.0.1:{port}',
    serveArgs: [],
    query: '',
    posArgs: ['--register', 'TILL1'],
    recovers: false,
    recoversAfterRestart: false,
    refunds: false,
    saysAmount: true,
  },
  {
    name: 'sca',
    place: 'ws://127.0.0.1:{port}/sca',
    serveArgs: ['--currency', 'EUR', '--skip-pos-auth'],
    query: '?currency=EUR&host-timeout=1',
    posArgs: [],
    recovers: true,
    recoversAfterRestart: false,
    refunds: true,
    saysAmount: true,
  },
  {
    name: 'nexo',
    place: 'tcp:127.0.0.1:{port}',
    serveArgs: [],
    query: '?poi=POI1&sale=TILL1',
    posArgs: [],
    recovers: true,
    recoversAfterRestart: true,
    refunds: true,
    saysAmount: true,
  },
] as const satisfies readonly Protocol[];

export interface PaymentEnd {
  readonly name: string;
  readonly kind: 'application' | 'simulator' | 'terminal';
  readonly protocol?: Protocol;
}

export const ENDS: readonly PaymentEnd[] = [
  { name: 'Python application', kind: 'application' },
  { name: 'simulator:', kind: 'simulator' },
  ...PROTOCOLS.map((protocol) => ({ name: `${protocol.name}+`, kind: 'terminal' as const, protocol })),
];

export type CaseName =
  | 'approved'
  | 'declined'
  | 'cancelled'
  | 'aborted'
  | 'refund'
  | 'wrong amount'
  | 'terminal dies'
  | 'register dies'
  | 'bridge dies'
  | 'link cut';

/**
 * What has to come of a case: the status of `pos`, and how often money moved. `honest`: unknown (75) where the outcome
 * cannot be asked for, and the truth wherever something is said. `cannot`: the protocol has no words for it.
 */
export type Expected = { readonly status: number; readonly charges: number } | 'honest' | 'truth' | 'cannot';

export interface Case {
  readonly name: CaseName;
  /** Minor units of EUR; the last two digits tell application and simulator what to do. */
  readonly amount: number;
  readonly says: string;
  expected(register: Protocol, end: PaymentEnd): Expected;
}

const refunds = (register: Protocol, { protocol }: PaymentEnd) =>
  register.refunds && protocol?.refunds !== false;

export const CASES: readonly Case[] = [
  {
    name: 'approved',
    amount: 1230,
    says: 'a purchase is approved',
    expected: () => ({ status: 0, charges: 1 }),
  },
  { name: 'declined', amount: 1201, says: 'it is declined', expected: () => ({ status: 1, charges: 0 }) },
  {
    name: 'cancelled',
    amount: 1202,
    says: 'the cardholder cancels',
    expected: () => ({ status: 1, charges: 0 }),
  },
  {
    name: 'aborted',
    amount: 1206,
    says: 'the cashier aborts while the customer is at it',
    expected: () => ({ status: 1, charges: 0 }),
  },
  {
    name: 'refund',
    amount: 750,
    says: 'money is given back',
    expected: (register, end) => (refunds(register, end) ? { status: 0, charges: 1 } : 'cannot'),
  },
  {
    name: 'wrong amount',
    amount: 1208,
    says: 'less is taken than was asked for',
    expected: (register, end) => {
      const isSaid = register.saysAmount && end.protocol?.saysAmount !== false;
      if (end.kind === 'simulator' || !isSaid) return 'cannot';
      return { status: 2, charges: 1 };
    },
  },
  {
    name: 'terminal dies',
    amount: 1205,
    says: 'the payment end dies when it has charged and before it answers, and comes back',
    expected: (_, { protocol }) => (protocol?.recovers === false ? 'honest' : { status: 0, charges: 1 }),
  },
  {
    name: 'register dies',
    amount: 1206,
    says: 'the register is killed in mid-payment, and asks when it is back',
    expected: (register) => (register.recoversAfterRestart ? 'truth' : 'honest'),
  },
  {
    name: 'bridge dies',
    amount: 1206,
    says: 'the bridge is killed in mid-payment, and comes back',
    expected: (register, { protocol }) =>
      register.recoversAfterRestart && protocol?.recoversAfterRestart !== false ? 'truth' : 'honest',
  },
  {
    name: 'link cut',
    amount: 1230,
    says: 'the line between register and bridge is cut after some bytes (sampled)',
    // A terminal that shows its last sale only cannot say that another one has never reached it.
    expected: (register, { protocol }) =>
      register.recovers && protocol?.recoversAfterRestart !== false ? 'truth' : 'honest',
  },
];
