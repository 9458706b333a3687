import type { Scope } from '../caller.ts';
import type { ProblemCode } from '../problem.ts';
import { ref, type SCHEMAS, type Schema, STATE } from './schemas.ts';

/**
 * The one table of what can be asked: routes, validation, permissions, the OpenAPI document and the documentation's
 * test read it.
 */

export interface Answer {
  readonly description: string;
  /** By media type. */
  readonly content?: Readonly<Record<string, Schema>>;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Operation {
  readonly method: 'GET' | 'POST';
  /** Parameters in braces. */
  readonly path: string;
  readonly tag: 'Sales' | 'Events' | 'Terminals' | 'Service';
  readonly summary: string;
  readonly description?: string;
  /** Any of them will do; `own`: also whoever has made the sale. Undefined: everybody, without a token. */
  readonly scopes?: readonly Scope[];
  readonly query?: Readonly<Record<string, Schema>>;
  readonly headers?: Readonly<Record<string, Schema & { readonly required?: boolean }>>;
  readonly body?: keyof typeof SCHEMAS;
  readonly answers: Readonly<Record<number, Answer>>;
  readonly problems: readonly ProblemCode[];
}

const JSON_TYPE = 'application/json';
const EVENTS = { 'text/event-stream': { type: 'string' } };
const SALE_CONTENT = { [JSON_TYPE]: ref('Sale') };
const SALE: Answer = { description: 'The sale.', content: SALE_CONTENT };
const LOCATION = { Location: 'Where the sale is, from now on.' };
const HEADERS_OF_ORDER = {
  'Idempotency-Key': {
    type: 'string',
    minLength: 1,
    maxLength: 255,
    pattern: '^[\\x20-\\x7e]+$',
    required: true,
    description:
      'New for every sale, and kept by the till until the sale has ended: the same key gives the same sale, however often it is sent and whoever was restarted meanwhile.',
    examples: ['till-1/2026-11-30/0017'],
  },
  Prefer: {
    type: 'string',
    description: 'wait=SECONDS, at most 600: answer when the sale has ended.',
    examples: ['wait=120'],
  },
};
const LAST_EVENT_ID = {
  'Last-Event-ID': { type: 'string', description: 'Go on after this event. Browsers send it by themselves.' },
};
const ORDER = {
  method: 'POST',
  tag: 'Sales',
  headers: HEADERS_OF_ORDER,
  body: 'SaleOrder',
  answers: {
    200: {
      description:
        'The same key was sent before: the sale as it is now. Or the sale has ended, with Prefer: wait.',
      content: SALE_CONTENT,
      headers: LOCATION,
    },
    201: {
      description: 'Recorded, and on its way to the terminal.',
      content: SALE_CONTENT,
      headers: LOCATION,
    },
    202: {
      description: 'Prefer: wait, and the time was over first.',
      content: SALE_CONTENT,
      headers: LOCATION,
    },
  },
  problems: [
    'INVALID_REQUEST',
    'IDEMPOTENCY_KEY_MISSING',
    'NOT_FOUND',
    'BUSY',
    'TOO_LARGE',
    'UNSUPPORTED_MEDIA_TYPE',
    'IDEMPOTENCY_KEY_REUSED',
    'STOPPING',
    'STORE_FAILED',
  ],
} as const satisfies Partial<Operation>;
const READING = ['read', 'settle', 'pay', 'refund'] as const;

export const OPERATIONS = {
  createPurchase: {
    ...ORDER,
    path: '/v1/terminals/{name}/purchases',
    summary: 'Charge',
    description: 'Makes a sale, which is recorded before anything is sent. A busy terminal makes none.',
    scopes: ['pay'],
  },
  createRefund: {
    ...ORDER,
    path: '/v1/terminals/{name}/refunds',
    summary: 'Pay back',
    description: 'In all else like a purchase.',
    scopes: ['refund'],
  },
  listSales: {
    method: 'GET',
    path: '/v1/sales',
    tag: 'Sales',
    summary: 'Find sales',
    description: 'Newest first. A token without the scope read finds the sales that it has made.',
    scopes: READING,
    query: {
      state: STATE,
      terminal: { type: 'string', maxLength: 64 },
      reference: { type: 'string', maxLength: 128 },
      since: { type: 'string', format: 'date-time', description: 'Made then or later.' },
      cursor: { type: 'string', maxLength: 64, description: 'The next of the page before.' },
      limit: { type: 'string', pattern: '^(?:[1-9]\\d?|1\\d\\d|200)$', description: '1 to 200; default 50.' },
    },
    answers: { 200: { description: 'A page of sales.', content: { [JSON_TYPE]: ref('SaleList') } } },
    problems: ['INVALID_REQUEST'],
  },
  getSale: {
    method: 'GET',
    path: '/v1/sales/{id}',
    tag: 'Sales',
    summary: 'One sale, as it is',
    scopes: READING,
    answers: { 200: SALE },
    problems: ['NOT_FOUND'],
  },
  abortSale: {
    method: 'POST',
    path: '/v1/sales/{id}/abort',
    tag: 'Sales',
    summary: 'Ask the terminal to end a sale',
    description: 'Whether it does is told by the sale itself. Of a sale that has ended nothing is asked.',
    scopes: ['pay', 'refund'],
    answers: {
      200: { ...SALE, description: 'It has ended already.' },
      202: { ...SALE, description: 'The terminal was asked.' },
    },
    problems: ['NOT_FOUND', 'ABORT_REFUSED', 'NOT_CONNECTED'],
  },
  settleSale: {
    method: 'POST',
    path: '/v1/sales/{id}/settle',
    tag: 'Sales',
    summary: 'End an unknown sale by hand',
    description: 'For a person who has looked at the terminal, at its receipts or at what the acquirer says.',
    scopes: ['settle'],
    body: 'Settlement',
    answers: { 200: SALE },
    problems: [
      'INVALID_REQUEST',
      'NOT_FOUND',
      'NOT_SETTLEABLE',
      'TOO_LARGE',
      'UNSUPPORTED_MEDIA_TYPE',
      'STORE_FAILED',
    ],
  },
  getReceipt: {
    method: 'GET',
    path: '/v1/sales/{id}/receipt',
    tag: 'Sales',
    summary: 'The receipts of a sale',
    description: 'As JSON both; with Accept: text/plain the one that copy names.',
    scopes: READING,
    query: { copy: { type: 'string', enum: ['merchant', 'customer'], description: 'Default: customer.' } },
    answers: {
      200: {
        description: 'The receipts.',
        content: { [JSON_TYPE]: ref('Receipts'), 'text/plain': { type: 'string' } },
      },
    },
    problems: ['INVALID_REQUEST', 'NOT_FOUND'],
  },
  streamSale: {
    method: 'GET',
    path: '/v1/sales/{id}/events',
    tag: 'Events',
    summary: 'What becomes of a sale',
    description:
      'Server-sent events: sale (the whole sale, first as it is, then at each change) and message (texts for the cashier). The stream ends with the sale.',
    scopes: READING,
    headers: LAST_EVENT_ID,
    answers: {
      200: { description: 'Events.', content: EVENTS },
      204: { description: 'The last event was the end of the sale.' },
    },
    problems: ['NOT_FOUND', 'TOO_MANY_STREAMS'],
  },
  streamEvents: {
    method: 'GET',
    path: '/v1/events',
    tag: 'Events',
    summary: 'Everything that happens',
    description:
      'Server-sent events: sale (at each change of state the whole sale), message (texts for the cashier) and status (the whole terminal). With Last-Event-ID nothing is left out, whoever was restarted meanwhile; a change may come twice.',
    scopes: READING,
    headers: LAST_EVENT_ID,
    answers: { 200: { description: 'Events.', content: EVENTS } },
    problems: ['TOO_MANY_STREAMS'],
  },
  listTerminals: {
    method: 'GET',
    path: '/v1/terminals',
    tag: 'Terminals',
    summary: 'The terminals, and how they are',
    scopes: READING,
    answers: { 200: { description: 'The terminals.', content: { [JSON_TYPE]: ref('TerminalList') } } },
    problems: [],
  },
  getTerminal: {
    method: 'GET',
    path: '/v1/terminals/{name}',
    tag: 'Terminals',
    summary: 'One terminal',
    scopes: READING,
    answers: { 200: { description: 'The terminal.', content: { [JSON_TYPE]: ref('Terminal') } } },
    problems: ['NOT_FOUND'],
  },
  getOpenapi: {
    method: 'GET',
    path: '/v1/openapi.json',
    tag: 'Service',
    summary: 'This document',
    answers: { 200: { description: 'OpenAPI 3.1.', content: { [JSON_TYPE]: { type: 'object' } } } },
    problems: [],
  },
  getHealth: {
    method: 'GET',
    path: '/v1/health',
    tag: 'Service',
    summary: 'Whether the service lives',
    answers: { 200: { description: 'It does.', content: { [JSON_TYPE]: ref('Health') } } },
    problems: [],
  },
  getReady: {
    method: 'GET',
    path: '/v1/ready',
    tag: 'Service',
    summary: 'Whether sales can be made',
    description: 'Whether they can be recorded; how the terminals are stands at /v1/terminals.',
    answers: { 200: { description: 'They can.', content: { [JSON_TYPE]: ref('Health') } } },
    problems: ['STOPPING', 'STORE_FAILED'],
  },
  getMetrics: {
    method: 'GET',
    path: '/metrics',
    tag: 'Service',
    summary: 'Counts for Prometheus',
    scopes: ['read'],
    answers: { 200: { description: 'Its text format.', content: { 'text/plain': { type: 'string' } } } },
    problems: [],
  },
} as const satisfies Record<string, Operation>;

export type OperationName = keyof typeof OPERATIONS;
export const OPERATION_LIST = Object.entries(OPERATIONS) as readonly (readonly [OperationName, Operation])[];

/** What may go wrong with every request. */
export const COMMON_PROBLEMS: readonly ProblemCode[] = ['FOREIGN_PAGE', 'RATE_LIMITED', 'INTERNAL_ERROR'];
/** And with every one that wants a token. */
export const TOKEN_PROBLEMS: readonly ProblemCode[] = ['TOKEN_MISSING', 'TOKEN_UNKNOWN', 'NOT_ALLOWED'];

/** The names in braces. */
export function parametersOf({ path }: Operation): string[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name);
}
