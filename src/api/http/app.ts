import type { IncomingMessage, ServerResponse } from 'node:http';
import fastify, {
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
} from 'fastify';
import { describeFault } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import { PosError } from '../../pos/pos-error.ts';
import type { Caller } from '../caller.ts';
import { Problem } from '../problem.ts';
import { MAX_BODY_BYTES, readBody } from './body.ts';
import { type Door, type Guard, NO_HEADERS } from './guard.ts';
import { type Context, HANDLERS } from './handlers.ts';
import type { RequestCounts } from './metrics.ts';
import { OPERATION_LIST, type Operation, type OperationName } from './operations.ts';
import { SCHEMAS, type Schema } from './schemas.ts';
import { invalidRequest, type SchemaFault } from './validation.ts';

export interface AppOptions extends Context {
  readonly guard: Guard;
  readonly requests: RequestCounts;
  readonly log: Logger;
  /** Serves a file of the page; false: there is none at this path. */
  readonly servePage: (request: IncomingMessage, response: ServerResponse) => boolean;
}

/** Answers requests of a listener's. */
export type App = (request: IncomingMessage, response: ServerResponse, door: Door) => void;

/** On the request itself: a map would cost every request more than all else that is found out about it. */
const FOUND = Symbol('what was found out');

interface FoundRequest extends IncomingMessage {
  [FOUND]?: Found;
}

/** What was found out about a request on its way. */
interface Found {
  readonly door: Door;
  readonly startedMs: number;
  operation?: OperationName;
  caller?: Caller;
  /** For the page that asks, where one of others may. */
  headers: Readonly<Record<string, string>>;
}

/** The routes, from the table of operations: who is let in, what fits, and how problems are told. */
export async function createApp(options: AppOptions): Promise<App> {
  const app: FastifyInstance = fastify({
    logger: false,
    bodyLimit: MAX_BODY_BYTES,
    exposeHeadRoutes: false,
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false, allErrors: true } },
    schemaErrorFormatter: (faults, context) => invalidRequest(faults as readonly SchemaFault[], context),
    routerOptions: { maxParamLength: MAX_PARAMETER },
    // Of a path that cannot be decoded. Fastify's own answer shows it.
    frameworkErrors: (_fault, request, reply) =>
      sendProblem(request, reply, new Problem('NOT_FOUND', 'there is nothing here')),
  });
  const { guard, log, requests, servePage } = options;
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    'application/json',
    { parseAs: 'buffer' },
    async (_request: FastifyRequest, body: Buffer) => readBody(body),
  );

  const foundOf = ({ raw }: FastifyRequest): Found =>
    (raw as FoundRequest)[FOUND] ?? { door: { address: undefined }, startedMs: 0, headers: NO_HEADERS };
  const sendProblem = (request: FastifyRequest, reply: FastifyReply, problem: Problem) => {
    const headers = { ...foundOf(request).headers, ...problem.headers };
    void reply
      .code(problem.status)
      .headers(headers)
      .type('application/problem+json')
      .send(JSON.stringify(problem.body));
  };

  app.addHook('onRequest', (request, reply, done) => {
    const seen = foundOf(request);
    seen.headers = guard.admitPage(request.raw, seen.door);
    reply.headers(PLAIN_HEADERS);
    if (seen.headers !== NO_HEADERS) reply.headers(seen.headers);
    done();
  });
  app.addHook('onResponse', (request, reply, done) => {
    const { operation = 'other', caller, startedMs } = foundOf(request);
    requests.count(operation, reply.statusCode);
    const level = request.method === 'GET' ? 'debug' : 'info';
    if (!log.enabled(level)) return done();
    const fields = {
      operation,
      status: reply.statusCode,
      ms: Math.round(performance.now() - startedMs),
      by: caller?.name,
    };
    log[level]('request', {
      ...fields,
      path: request.url.slice(0, MAX_SHOWN),
      peer: request.raw.socket.remoteAddress,
    });
    done();
  });
  app.setErrorHandler((fault: FastifyError, request, reply) => {
    const problem = problemOf(fault);
    if (problem.code === 'INTERNAL_ERROR')
      log.error('a request has failed', { why: describeFault(fault), fault });
    sendProblem(request, reply, problem);
  });
  app.setNotFoundHandler((request, reply) => {
    const methods = methodsAt(request.url);
    if (request.method === 'OPTIONS' && methods.length > 0) return sendPreflight(reply, methods);
    if (methods.length > 0) {
      const allow = { Allow: methods.join(', ') };
      return sendProblem(
        request,
        reply,
        new Problem('METHOD_NOT_ALLOWED', `there is ${methods.join(', ')} here`, {}, allow),
      );
    }
    return sendProblem(request, reply, new Problem('NOT_FOUND', 'there is nothing here'));
  });
  for (const [name, operation] of OPERATION_LIST) {
    app.route({
      method: operation.method,
      url: operation.path.replace(/\{(\w+)\}/g, ':$1'),
      schema: schemaOf(operation),
      onRequest: (request, _reply, done) => {
        const seen = foundOf(request);
        seen.operation = name;
        seen.caller = guard.admitCaller(request.raw, operation);
        done();
      },
      handler: (request, reply) => {
        const { caller, headers } = foundOf(request);
        if (caller === undefined) throw new Problem('INTERNAL_ERROR', 'nobody has asked');
        return HANDLERS[name]({ request, reply, caller, headers }, options);
      },
    });
  }
  await app.ready();
  return (request, response, door) => {
    if (servePage(request, response)) return;
    (request as FoundRequest)[FOUND] = { door, startedMs: performance.now(), headers: NO_HEADERS };
    app.routing(request, response);
  };
}

const MAX_PARAMETER = 256;
const MAX_SHOWN = 200;
/** Answers are about money: nobody keeps them, and no browser takes them for anything else. */
const PLAIN_HEADERS = {
  'Cache-Control': 'no-store',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'X-Content-Type-Options': 'nosniff',
};
const PREFLIGHT_HEADERS = {
  'Access-Control-Allow-Headers': 'Authorization, Content-Type, Idempotency-Key, Prefer, Last-Event-ID',
  'Access-Control-Max-Age': '600',
};

function sendPreflight(reply: FastifyReply, methods: readonly string[]): FastifyReply {
  return reply
    .code(204)
    .headers({ ...PREFLIGHT_HEADERS, 'Access-Control-Allow-Methods': methods.join(', ') })
    .send();
}

/** What Fastify is to look at; names of headers come to it in small letters. */
function schemaOf({ query, headers = {}, body }: Operation): Record<string, Schema> {
  const required = Object.keys(headers).filter((name) => headers[name]?.['required'] === true);
  const plain = Object.entries(headers).map(([name, { required: _, ...schema }]) => [
    name.toLowerCase(),
    schema,
  ]);
  return {
    querystring: { type: 'object', properties: query ?? {}, additionalProperties: false },
    ...(plain.length > 0 && {
      headers: {
        type: 'object',
        properties: Object.fromEntries(plain) as Schema,
        required: required.map((name) => name.toLowerCase()),
      },
    }),
    ...(body !== undefined && { body: SCHEMAS[body] }),
  };
}

/** By which methods something is at this path. */
function methodsAt(url: string): string[] {
  const parts = (url.split('?')[0] ?? '').split('/');
  return OPERATION_LIST.flatMap(([, { method, path }]) => {
    const wanted = path.split('/');
    const isHere =
      wanted.length === parts.length &&
      wanted.every((part, at) => part.startsWith('{') || part === parts[at]);
    return isHere ? [method] : [];
  });
}

function problemOf(fault: unknown): Problem {
  if (fault instanceof Problem) return fault;
  if (fault instanceof PosError) return new Problem('STORE_FAILED', fault.text);
  const { statusCode } = fault as { readonly statusCode?: number };
  if (statusCode === 413)
    return new Problem(
      'TOO_LARGE',
      `a body has at most ${MAX_BODY_BYTES} bytes`,
      {},
      { Connection: 'close' },
    );
  if (statusCode === 415)
    return new Problem('UNSUPPORTED_MEDIA_TYPE', 'send a body of Content-Type: application/json');
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) {
    return new Problem('INVALID_REQUEST', 'the request cannot be read');
  }
  return new Problem('INTERNAL_ERROR', 'the log of the service says more');
}
