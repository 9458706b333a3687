import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Settlement } from '../../store/settlement.ts';
import type { Caller } from '../caller.ts';
import { Problem } from '../problem.ts';
import type { BookedSale } from '../sale-book.ts';
import type { ApiService, SaleOrder } from '../service.ts';
import type { Kind } from '../shown.ts';
import type { EventStreams } from './event-streams.ts';
import type { MetricsText } from './metrics.ts';
import type { OperationName } from './operations.ts';
import { waitIn } from './prefer.ts';

export interface Context {
  readonly service: ApiService;
  readonly streams: EventStreams;
  readonly metrics: MetricsText;
  /** The OpenAPI document. */
  readonly document: string;
}

/** A request that was let in, and fits its schema. */
export interface Asked {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  readonly caller: Caller;
  /** Of every answer to this request. */
  readonly headers: Readonly<Record<string, string>>;
}

/** Whatever is answered at once returns nothing: Fastify would wait for the end of a reply that it is given. */
type Handler = (asked: Asked, context: Context) => Promise<unknown> | undefined;

export const HANDLERS: Readonly<Record<OperationName, Handler>> = {
  createPurchase: (asked, context) => create('purchase', asked, context),
  createRefund: (asked, context) => create('refund', asked, context),

  async listSales({ request, reply, caller }, { service }) {
    const { limit = '50', since, cursor, ...others } = request.query as Readonly<Record<string, string>>;
    const after = cursor === undefined ? undefined : service.sale(caller, cursor).id;
    const wanted = Number(limit);
    const found = service.find(caller, {
      ...others,
      after,
      since: since === undefined ? undefined : timeOf(since),
      limit: wanted + 1,
    });
    const page = found.slice(0, wanted);
    const texts: string[] = [];
    for (const sale of page) texts.push((await service.whole(sale)).text);
    const next = found.length > wanted ? (page.at(-1)?.id ?? null) : null;
    return reply.type(JSON_TYPE).send(`{"sales":[${texts.join(',')}],"next":${JSON.stringify(next)}}`);
  },

  getSale(asked, { service }) {
    return sendSale(asked.reply, saleIn(asked, service), service);
  },

  async abortSale(asked, { service }) {
    const sale = saleIn(asked, service);
    const wanted = sale.kind === 'refund' ? 'refund' : 'pay';
    if (!asked.caller.scopes.has(wanted)) {
      throw new Problem('NOT_ALLOWED', `a ${sale.kind} is aborted with the scope ${wanted}`);
    }
    if (sale.endedAt !== null) return sendSale(asked.reply, sale, service);
    await service.abort(sale);
    return sendSale(asked.reply.code(202), service.sale(asked.caller, sale.id), service);
  },

  async settleSale(asked, { service }) {
    const { outcome, by } = asked.request.body as { readonly outcome: Settlement; readonly by: string };
    const sale = await service.settle(saleIn(asked, service), outcome, by);
    return sendSale(asked.reply, sale, service);
  },

  async getReceipt(asked, { service }) {
    const { request, reply } = asked;
    const whole = await service.whole(saleIn(asked, service));
    const { receipts } = whole.sale;
    const { copy = 'customer' } = request.query as { readonly copy?: 'merchant' | 'customer' };
    if (!wantsText(request)) return reply.type(JSON_TYPE).send(JSON.stringify(receipts));
    const lines = receipts[copy];
    if (lines === null) throw new Problem('NOT_FOUND', `the sale has no receipt for the ${copy}`);
    return reply.type('text/plain; charset=utf-8').send(`${lines.join('\n')}\n`);
  },

  async streamSale(asked, { service, streams }) {
    const sale = saleIn(asked, service);
    return stream(asked, streams, sale);
  },

  streamEvents: async (asked, { streams }) => stream(asked, streams, undefined),

  async listTerminals({ reply, caller }, { service }) {
    return reply.type(JSON_TYPE).send(JSON.stringify({ terminals: service.terminals(caller) }));
  },

  async getTerminal({ request, reply, caller }, { service }) {
    const { name } = request.params as { readonly name: string };
    return reply.type(JSON_TYPE).send(JSON.stringify(service.terminal(caller, name)));
  },

  getOpenapi: async ({ reply }, { document }) => reply.type(JSON_TYPE).send(document),
  getHealth: async ({ reply }) => reply.type(JSON_TYPE).send('{"status":"ok"}'),

  async getReady({ reply }, { service }) {
    if (service.isStopping) throw new Problem('STOPPING', 'no new sale is begun');
    await service.checkStore();
    return reply.type(JSON_TYPE).send('{"status":"ready"}');
  },

  getMetrics: async ({ reply, caller }, { metrics }) =>
    reply.type('text/plain; version=0.0.4; charset=utf-8').send(metrics(caller)),
};

const JSON_TYPE = 'application/json; charset=utf-8';

async function create(kind: Kind, asked: Asked, { service }: Context): Promise<void> {
  const { request, reply, caller } = asked;
  const { name: terminal } = request.params as { readonly name: string };
  const keys = request.raw.headersDistinct['idempotency-key'] ?? [];
  const [key] = keys;
  if (key === undefined || keys.length > 1) {
    throw new Problem('INVALID_REQUEST', 'send one header Idempotency-Key, not several');
  }
  const order = request.body as SaleOrder;
  const { sale, isNew } = await service.sell(caller, { terminal, kind, key, order });
  reply.header('Location', `/v1/sales/${sale.id}`);
  const waitS = waitIn(request.headers['prefer'] as string | undefined);
  if (waitS === undefined) return sendSale(reply.code(isNew ? 201 : 200), sale, service);
  reply.header('Preference-Applied', `wait=${waitS}`);
  const gone = new AbortController();
  const leave = () => gone.abort();
  reply.raw.once('close', leave);
  const now = (await service.whenEnded(sale.id, waitS * 1000, gone.signal)) ?? sale;
  reply.raw.removeListener('close', leave);
  return sendSale(reply.code(now.endedAt === null ? 202 : 200), now, service);
}

async function stream(
  { request, reply, caller, headers }: Asked,
  streams: EventStreams,
  sale: BookedSale | undefined,
): Promise<FastifyReply> {
  const last = request.headers['last-event-id'];
  const lastEventId = typeof last === 'string' && last !== '' ? last : undefined;
  // From here on it is answered past Fastify; a Problem comes before.
  streams.open(reply.raw, { caller, sale, lastEventId, headers });
  return reply.hijack();
}

function saleIn({ request, caller }: Asked, service: ApiService): BookedSale {
  const { id } = request.params as { readonly id: string };
  return service.sale(caller, id);
}

/** At once where the sale need not be read. */
function sendSale(reply: FastifyReply, sale: BookedSale, service: ApiService): Promise<void> | undefined {
  const send = ({ text }: { readonly text: string }) => void reply.type(JSON_TYPE).send(text);
  const known = service.book.known(sale.id);
  if (known === undefined) return service.whole(sale).then(send);
  send(known);
  return undefined;
}

/** ISO 8601, UTC. Throws INVALID_REQUEST for a moment that no clock here shows, such as a leap second. */
function timeOf(text: string): string {
  const time = new Date(text);
  if (Number.isNaN(time.getTime())) throw new Problem('INVALID_REQUEST', 'query/since is no such moment');
  return time.toISOString();
}

function wantsText({ headers }: FastifyRequest): boolean {
  const accept = headers.accept ?? '';
  return accept.includes('text/plain') && !accept.includes('application/json');
}
