// Typed by openapi-typescript from the service's own document: node client.js URL
import createClient from 'openapi-fetch';
import type { components, paths } from './schema.js';

const client = createClient<paths>({ baseUrl: process.argv[2] ?? '' });

const made = await client.POST('/v1/terminals/{name}/purchases', {
  params: {
    path: { name: 'counter' },
    header: { 'Idempotency-Key': 'generated-1', Prefer: 'wait=30' },
  },
  body: { amount: '12.30', currency: 'EUR', reference: 'GENERATED' },
});
const sale: components['schemas']['Sale'] | undefined = made.data;
if (sale === undefined) throw new Error(made.error?.detail);

const { data: list } = await client.GET('/v1/sales', {
  params: { query: { state: 'approved', limit: '10' } },
});
const refused = await client.GET('/v1/sales/{id}', { params: { path: { id: 'nobody' } } });
const code: components['schemas']['Problem']['code'] | undefined = refused.error?.code;

console.log(
  JSON.stringify({ state: sale.state, lines: sale.receipts.customer, found: list?.sales.length, code }),
);
