import type { Clock, Timer } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import type { ConnectionEvents, Reply } from '../dialect.ts';
import { type AnswerLines, errorLines, resultLines } from './answer-lines.ts';
import type { Dialogue } from './dialogue.ts';
import type { Element } from './elements.ts';
import type { Arguments, MethodName } from './methods.ts';
import type { ServerRequest } from './requests.ts';
import { transactions } from './routes.ts';
import type { Site } from './sites.ts';
import { TransactionInfo } from './transaction-info.ts';
import type { Updates } from './updates.ts';

/** After so long without an answer to a request that moves money somebody should look at the application. */
const WARN_MS = 60_000;
/** Deepest that our messages are nested, the message itself being 1. */
const DEPTH = 4;

/** What the requests of one session use of it. */
export interface RequestedSite {
  readonly site: Site;
  readonly prefix: string;
  readonly dialogue: Dialogue;
  readonly events: ConnectionEvents;
  readonly updates: Updates;
  readonly clock: Clock;
  readonly log: Logger;
  /** The server cannot use the session any more. */
  isOver(): boolean;
  /** Whether the server has said that it can receive this. */
  serverTakes(method: MethodName): boolean;
  /** Tells the server what an answer holds beside its end. */
  say(element: Element): void;
}

/**
 * The server's requests to one session: each goes to the applications as JSON-RPC, and its answer comes back as lines.
 */
export class SiteRequests {
  readonly #of: RequestedSite;
  readonly #info: TransactionInfo;
  readonly #warnings = new Set<Timer>();

  constructor(of: RequestedSite) {
    this.#of = of;
    this.#info = new TransactionInfo(of.clock);
  }

  forward(spec: ServerRequest, method: MethodName, tag: string, args: Arguments): void {
    const { values } = args;
    const id = values['fscTransactionId'];
    const info = id !== undefined ? this.#info.copy(id) : undefined;
    if (method === 'UNLOCKPUMP' && id !== undefined) this.#info.unlocked(Number(values['pump']), id);
    const plain = JSON.stringify({ siteAccessKey: this.#of.site.siteAccessKey, ...spec.params(args) });
    const params =
      info === undefined
        ? Buffer.from(plain)
        : Buffer.concat([Buffer.from(`${plain.slice(0, -1)},"transactionInfo":`), info, Buffer.from('}')]);
    info?.fill(0);
    this.#of.events.request({
      method: spec.channelMethod,
      methodText: `"${spec.channelMethod}"`,
      params,
      depth: DEPTH,
      prepare: this.#replyTo(spec, method, tag, args),
    });
    // Whoever needed them has a copy by now.
    if (info !== undefined) params.fill(0);
  }

  /** A closure of its own, so that an open request does not keep the bytes that it came in. */
  #replyTo(spec: ServerRequest, method: MethodName, tag: string, args: Arguments): Reply['prepare'] {
    const warning = MONEY.has(method) ? this.#warnLater(method) : undefined;
    return (kind, text) => {
      const lines = kind === 'error' ? errorLines(text) : resultLines(spec, method, args, text);
      if ('why' in lines) return { code: 'JSONRPC_INVALID_PARAMS', why: lines.why };
      // Where nobody has decided, the server repeats its request, and perhaps not what belongs to it.
      const isOver = !MONEY.has(method) || transactions.judge?.({ kind, text }) !== 'nothing';
      return {
        send: () => {
          if (warning !== undefined) {
            warning.cancel();
            this.#warnings.delete(warning);
          }
          if (this.#of.isOver() || !this.#of.dialogue.isOpen(tag)) return 'closed';
          this.#answer(spec, method, tag, args, lines);
          if (isOver) this.#wipe(method, args);
          return 'sent';
        },
      };
    };
  }

  #answer(
    spec: ServerRequest,
    method: MethodName,
    tag: string,
    { values }: Arguments,
    { elements, receipt, end }: AnswerLines,
  ): void {
    for (const element of elements) this.#of.say(element);
    // The receipt, a discontinued extension: only for a server that still takes it.
    if (this.#of.serverTakes('RECEIPTINFO')) {
      for (const line of receipt) this.#of.dialogue.notify('RECEIPTINFO', line);
    }
    const { pump, updateTtl } = values;
    if (end[0] === 'OK' && TOUCHING.has(method)) this.#of.updates.touched(Number(pump));
    this.#of.dialogue.answer(tag, end);
    if (end[0] === 'OK' && spec.updates !== undefined && pump !== undefined && updateTtl !== undefined) {
      this.#of.updates.subscribe(spec.updates, Number(pump), Number(updateTtl));
    }
  }

  /** Transaction information, until the request comes that it belongs to. */
  keep(id: string, key: string, value: string): void {
    this.#of.events.secret?.(value);
    if (!this.#info.put(id, key, value)) {
      this.#of.log.warn('transaction information is too long, or too much; it is dropped', {
        session: this.#of.prefix,
      });
    }
  }

  forgetTransaction(id: string): void {
    this.#info.wipe(id);
  }

  /** The server has forgotten them all. */
  forget(): void {
    this.#info.wipeAll();
    for (const timer of this.#warnings) timer.cancel();
    this.#warnings.clear();
  }

  #wipe(method: MethodName, { values }: Arguments): void {
    const id = values['fscTransactionId'];
    if (id !== undefined) this.#info.wipe(id);
    if (method === 'LOCKPUMP') this.#info.wipePump(Number(values['pump']));
  }

  #warnLater(method: MethodName): Timer {
    const timer = this.#of.clock.after(WARN_MS, () => {
      this.#warnings.delete(timer);
      this.#of.log.warn('the application has not answered for a minute; the server waits', {
        session: this.#of.prefix,
        method,
      });
    });
    this.#warnings.add(timer);
    return timer;
  }
}

/** Requests that move money, and those that change a pump. */
const MONEY: ReadonlySet<MethodName> = new Set(['UNLOCKPUMP', 'CLEAR']);
const TOUCHING: ReadonlySet<MethodName> = new Set(['UNLOCKPUMP', 'LOCKPUMP', 'CLEAR']);
