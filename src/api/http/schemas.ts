import { PROBLEMS } from '../problem.ts';
import { SALE_STATES } from '../sale.ts';

/** JSON Schemas of what callers send and get. The OpenAPI document shows them as they stand here. */

export type Schema = { readonly [name: string]: unknown };

const TIME = { type: 'string', format: 'date-time', description: 'ISO 8601, UTC.' };
const text = (description: string, more: Schema = {}): Schema => ({ type: 'string', description, ...more });
const orNull = (schema: Schema): Schema => ({ ...schema, type: [schema['type'], 'null'] });
const lines = (description: string): Schema => ({
  type: ['array', 'null'],
  items: { type: 'string' },
  description,
});

function object(required: readonly string[], properties: Schema, more: Schema = {}): Schema {
  return { type: 'object', required, properties, ...more };
}

/** As a schema names another one. */
export function ref(name: keyof typeof SCHEMAS): Schema {
  return { $ref: `#/components/schemas/${name}` };
}

const KIND = { type: 'string', enum: ['purchase', 'refund'] };
export const STATE: Schema = {
  type: 'string',
  enum: SALE_STATES,
  description:
    'pending: under way. approved: money was moved. declined, cancelled, not-started, not-reached: no money was moved, and none will be. unknown: nobody could tell so far; the terminal is asked on, and the state may still change.',
};

const RECEIPTS = object(
  ['merchant', 'customer'],
  { merchant: lines('For the shop.'), customer: lines('For the customer.') },
  { description: 'Lines of text; null where the terminal has given none.' },
);

const REASON = object(
  ['code', 'message'],
  {
    code: text('For programs.', { examples: ['DECLINED'] }),
    message: text('For people.'),
    displayMessage: text('For the cashier, in the language of the cashier.'),
  },
  { type: ['object', 'null'], description: 'Why no money was moved, or why nobody can tell.' },
);

const CARD = object(
  [],
  {
    scheme: text('', { examples: ['Visa'] }),
    maskedNumber: text('Never the whole number.', { examples: ['************1111'] }),
    entryMode: text('How the card was read.'),
    verificationMethod: text('How the cardholder was verified.'),
    authorizationCode: text("The issuer's code."),
  },
  { type: ['object', 'null'], description: 'What the terminal has told of the card.' },
);

export const SCHEMAS = {
  SaleOrder: object(
    ['amount', 'currency'],
    {
      amount: text('A text, so that no decimal is lost: all decimals of the currency, or none.', {
        pattern: '^.{1,20}$',
        examples: ['12.30'],
      }),
      currency: text('ISO 4217.', { pattern: '^[A-Z]{3}$', examples: ['EUR'] }),
      reference: text('Your own name for it, to find it by. No card numbers.', {
        minLength: 1,
        maxLength: 128,
        examples: ['ORDER-1'],
      }),
    },
    { additionalProperties: false },
  ),
  Settlement: object(
    ['outcome', 'by'],
    {
      outcome: {
        type: 'string',
        enum: ['approved', 'not-charged'],
        description: 'What the terminal, its receipts or the acquirer say.',
      },
      by: text('Who says so.', { minLength: 1, maxLength: 64, pattern: '\\S', examples: ['alice'] }),
    },
    { additionalProperties: false },
  ),
  Sale: object(
    [
      'id',
      'terminal',
      'kind',
      'state',
      'amount',
      'amountMinor',
      'currency',
      'reference',
      'reason',
      'card',
      'receipts',
      'createdAt',
      'endedAt',
    ],
    {
      id: text('Also the receipt number that the terminal knows the sale by.', {
        examples: ['18823441200123'],
      }),
      terminal: text('Its name.', { examples: ['counter'] }),
      kind: KIND,
      state: STATE,
      amount: text('What was asked for.', { examples: ['12.30'] }),
      amountMinor: { type: 'integer', description: "In the currency's smallest unit.", examples: [1230] },
      currency: text('ISO 4217.', { examples: ['EUR'] }),
      approvedAmount: text('What was approved, where that is another amount than was asked for.'),
      approvedAmountMinor: { type: 'integer' },
      approvedCurrency: text('Beside approvedAmount, or where another currency was approved.'),
      otherReceiptId: text('The receipt number that the terminal names instead of this one.'),
      reference: orNull(text('As it was sent.')),
      reason: REASON,
      card: CARD,
      receipts: RECEIPTS,
      settledBy: text('The person who has ended an unknown sale.'),
      isContradicted: {
        type: 'boolean',
        description: 'The terminal had said "not charged" before; the result counts.',
      },
      createdAt: TIME,
      endedAt: { ...TIME, type: ['string', 'null'], description: 'Null while there is no outcome.' },
      result: {
        type: 'object',
        additionalProperties: true,
        description: "Approved: the terminal's own result, without receipts and secrets.",
      },
    },
  ),
  SaleList: object(['sales', 'next'], {
    sales: { type: 'array', items: { $ref: '#/components/schemas/Sale' }, description: 'Newest first.' },
    next: { type: ['string', 'null'], description: 'What to send as cursor to get the page after this one.' },
  }),
  Receipts: RECEIPTS,
  Terminal: object(
    [
      'name',
      'state',
      'protocol',
      'place',
      'version',
      'serialNumber',
      'location',
      'activity',
      'isConnected',
      'isOnline',
      'sale',
    ],
    {
      name: text('', { examples: ['counter'] }),
      state: {
        type: 'string',
        enum: ['ready', 'busy', 'not-ready', 'not-connected'],
        description: 'busy: it carries out a sale of this service.',
      },
      protocol: text('What it speaks.', { examples: ['jsonpos'] }),
      place: text('Where it is.', { examples: ['tcp:10.0.0.5:10001'] }),
      version: orNull(text('Of its software.')),
      serialNumber: orNull(text('')),
      location: orNull(text('As it calls its place.')),
      activity: orNull(text('What it is doing, in its own word.', { examples: ['WAIT_CARD_IN'] })),
      isConnected: { type: 'boolean', description: 'Whether there is a connection to it.' },
      isOnline: { type: ['boolean', 'null'], description: 'Whether it reaches its payment provider.' },
      sale: object(
        ['id', 'kind', 'since'],
        { id: orNull(text("Null where it is not the caller's to see.")), kind: KIND, since: TIME },
        { type: ['object', 'null'], description: 'What it is busy with.' },
      ),
    },
  ),
  TerminalList: object(['terminals'], {
    terminals: { type: 'array', items: { $ref: '#/components/schemas/Terminal' } },
  }),
  Health: object(['status'], { status: { type: 'string', enum: ['ok', 'ready'] } }),
  Problem: object(
    ['type', 'title', 'status', 'detail', 'code'],
    {
      type: text('A name of the problem, for programs that know RFC 9457.'),
      title: text('What it is called.'),
      status: { type: 'integer' },
      detail: text('What was wrong and what to do, for people.'),
      code: { type: 'string', enum: Object.keys(PROBLEMS), description: 'For programs.' },
      errors: {
        type: 'array',
        description: 'INVALID_REQUEST: what was wrong where.',
        items: object(['where', 'message'], {
          where: text('', { examples: ['body/amount'] }),
          message: text(''),
        }),
      },
      heldBy: object(
        ['id', 'kind', 'since'],
        { id: orNull(text("Null where it is not the caller's to see.")), kind: KIND, since: TIME },
        { description: 'BUSY: the sale that the terminal is busy with.' },
      ),
    },
    { description: 'RFC 9457.' },
  ),
} as const satisfies Record<string, Schema>;
