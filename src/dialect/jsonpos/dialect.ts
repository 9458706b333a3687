import type { Dialect } from '../dialect.ts';
import { JsonposConversation } from './conversation.ts';
import { encodeGoodbye } from './output.ts';
import { routes, transactions } from './routes.ts';
import { Synchronised } from './synchronised.ts';

/** JSONPOS: JSON-RPC 2.0, restricted, in frames `HHHHHHHH:<JSON>` LF, or a JSON object a WebSocket message. */
export const jsonpos: Dialect = {
  name: 'jsonpos',
  routes,
  transactions,
  secrets: ['api_key'],
  turnAway: encodeGoodbye,
  converse: (host, framing, options) =>
    framing === 'stream' && options.sync
      ? new Synchronised(host, options)
      : new JsonposConversation(host, framing, options),
};
