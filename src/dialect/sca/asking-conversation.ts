import { type CloseReason, LINE_ECHOES } from '../../base/close-reason.ts';
import { TokenBucket } from '../../base/token-bucket.ts';
import type { Beside, ConnectionEvents, Conversation, ConversationHost } from '../dialect.ts';
import type { AskedOptions } from './asked-options.ts';
import { ScaTerminal } from './asked-terminal.ts';
import { encodeDocument, REQUEST_ROOT, RESPONSE_ROOT, type ScaDocument, textOf } from './document.ts';
import { DocumentReader } from './document-reader.ts';
import { documentJson, membersOf } from './json-fields.ts';
import { type Lane, type LinkOptions, ScaLink } from './link.ts';
import { remember, type TerminalMemo } from './terminal-memo.ts';

export interface AskingOptions extends Pick<AskedOptions, 'currency' | 'hostTimeoutMs'> {
  /** What is known of this terminal from other wires. */
  readonly memo: TerminalMemo;
  /** Puts MAC and counter into a request where the terminal wants them. */
  readonly sign?: LinkOptions['sign'];
  /** Where secondary requests go. Undefined: the one connection carries both kinds. */
  readonly secondaryPort?: number | 'next' | undefined;
}

const MAX_CHARACTERS = 1_000_000;
/** Unsolicited messages at once and per second; a payment has a handful. */
const UNASKED = { burst: 200, ratePerS: 20 };
const MAX_PARAMS_DEPTH = 20;

/** The register's end of one wire to a terminal: open → closed. */
export class AskingConversation implements Conversation {
  readonly #host: ConversationHost;
  readonly #options: AskingOptions;
  readonly #framing: 'stream' | 'messages';
  readonly #reader = new DocumentReader({ maxCharacters: MAX_CHARACTERS });
  readonly #link: ScaLink;
  readonly #terminal: ScaTerminal;
  readonly #events: ConnectionEvents;
  readonly #nextId: () => string;
  #beside: Beside | undefined;
  #lacksSecondary = false;
  readonly #allowance: TokenBucket;
  #isClosed = false;

  constructor(host: ConversationHost, framing: 'stream' | 'messages', options: AskingOptions) {
    this.#host = host;
    this.#allowance = new TokenBucket({ ...UNASKED, clock: host.clock });
    this.#framing = framing;
    this.#options = options;
    const mark = host.randomId().slice(0, MAX_MARK);
    let count = 0;
    const nextId = () => {
      count += 1;
      return `${mark}-${count}`;
    };
    this.#nextId = nextId;
    this.#link = new ScaLink({
      clock: host.clock,
      log: host.log,
      nextId,
      ...(options.sign !== undefined && { sign: options.sign }),
      send: (lane, document) => this.#send(lane, document),
      notified: (response) => this.#unasked(() => this.#tell('sca.NOTIFICATION', response)),
      orphan: (response) => this.#unasked(() => this.#orphan(response)),
    });
    this.#terminal = new ScaTerminal(this.#link, options.memo, {
      clock: host.clock,
      log: host.log,
      currency: options.currency,
      hostTimeoutMs: options.hostTimeoutMs,
      nextId,
      close: (reason) => this.#finish(reason, 'ended'),
    });
    this.#events = host.opened(this.#terminal);
    host.accepted?.();
  }

  get isOpen(): boolean {
    return !this.#isClosed;
  }

  get isBusy(): boolean {
    return this.#link.isBusy;
  }

  /**
   * Passes a register's own request on. `answered` gets the response with the register's own POS_RECON, perhaps after
   * the terminal has connected again, perhaps never; undefined: the request has not left.
   */
  pass(document: ScaDocument, answered: (response: ScaDocument | undefined) => void): void {
    const { memo } = this.#options;
    const [functionType = '', command = '', own = ''] = ['FUNCTION_TYPE', 'COMMAND', 'POS_RECON'].map(
      (name) => textOf(document, name)?.trim(),
    );
    const posRecon = memo.nameFor(functionType, own, this.#nextId);
    remember(memo.takers, posRecon, answered);
    const request = { functionType, command, fields: document.fields, posRecon };
    const sent = this.#link.ask(request, (answer) => {
      if (answer.kind === 'lost') return;
      memo.takers.delete(posRecon);
      answered(answer.kind === 'response' ? memo.restored(answer.response) : undefined);
    });
    if (sent === 'sent') return;
    memo.takers.delete(posRecon);
    answered(undefined);
  }

  receive(chunk: Buffer): void {
    if (this.#isClosed) return;
    if (this.#framing === 'stream') this.#reader.push(chunk, this.#documents);
    else this.#reader.pushMessage(chunk, this.#documents);
  }

  endOfInput(): void {
    this.#finish(
      { code: 'CONNECTION_CLOSED', text: 'the terminal has closed its output', by: 'peer' },
      'ended',
    );
  }

  congested(): void {}

  refused(why: string): void {
    this.#finish({ code: 'PROTOCOL_ERROR', text: why, by: 'us' }, 'broken');
  }

  lost(reason: CloseReason): void {
    this.#finish(reason, 'lost');
  }

  /** Ends it in favour of another wire to the same terminal. */
  replaced(): void {
    const text = 'the terminal has connected again';
    this.#finish({ code: 'CONNECTION_CLOSED', text, by: 'us' }, 'ended');
  }

  readonly #documents = {
    document: (document: ScaDocument) => this.#document(document),
    rejected: (why: string) => {
      this.#host.log.warn('what the terminal sends cannot be read', { why });
      if (this.#framing === 'stream') this.refused(why);
    },
  };

  #document(document: ScaDocument, lane?: Lane): void {
    if (this.#isClosed) return;
    this.#host.statistics.count('documents in');
    this.#trace('document in', document);
    if (document.root === RESPONSE_ROOT) {
      this.#link.received(document, lane);
    } else if (document.root === REQUEST_ROOT) {
      // A terminal asks for nothing: this is our own request, come back.
      this.#finish({ code: LINE_ECHOES, text: 'the line echoes what is sent', by: 'us' }, 'broken');
    } else this.#host.log.warn('the terminal sends something else than a response; it is ignored');
  }

  /** What a terminal says without being asked is bounded: others wait while it is read. */
  #unasked(hear: () => void): void {
    if (this.#allowance.take(1)) hear();
    else {
      this.#host.log.warn('the terminal says too much that it was not asked for');
      this.refused('too many unsolicited messages');
    }
  }

  #orphan(response: ScaDocument): void {
    const { memo } = this.#options;
    const posRecon = textOf(response, 'POS_RECON')?.trim() ?? '';
    const taker = memo.takers.get(posRecon);
    memo.takers.delete(posRecon);
    const isOurs = memo.keep(posRecon, response) || taker !== undefined;
    taker?.(memo.restored(response));
    this.#host.log.info('a response came late', { isOurs });
    this.#host.statistics.count('late responses');
    if (!isOurs) this.#tell('sca.LATE_RESPONSE', memo.restored(response));
  }

  #tell(method: string, { fields }: ScaDocument): void {
    const params = Buffer.from(`{${membersOf(fields)}}`);
    const methodText = JSON.stringify(method);
    this.#events.notification({ method, methodText, params, depth: MAX_PARAMS_DEPTH });
  }

  #send(lane: Lane, document: ScaDocument): void {
    this.#host.statistics.count('documents out');
    this.#trace('document out', document);
    const bytes = encodeDocument(document);
    if (lane === 'primary') this.#host.send(bytes, 'normal');
    else if (this.#secondary() === undefined) this.#host.send(bytes, 'urgent');
    else this.#beside?.send(bytes);
  }

  /** The connection to the secondary port, opened when it is needed; undefined: the primary one has to do. */
  #secondary(): Beside | undefined {
    const { secondaryPort } = this.#options;
    if (secondaryPort === undefined || this.#lacksSecondary) return undefined;
    if (this.#beside !== undefined) return this.#beside;
    const reader = new DocumentReader({ maxCharacters: MAX_CHARACTERS });
    let hasAnswered = false;
    const closed = () => {
      this.#beside = undefined;
      if (hasAnswered) {
        this.#link.lost('secondary', 'the secondary port is closed');
        return;
      }
      this.#lacksSecondary = true;
      this.#host.log.warn('the terminal has no secondary port there; the primary one is used for everything');
      this.#link.resend('secondary');
    };
    this.#beside = this.#host.beside?.(secondaryPort, {
      received: (bytes) => {
        hasAnswered = true;
        reader.push(bytes, {
          document: (document) => this.#document(document, 'secondary'),
          rejected: () => {
            this.#beside?.close();
            closed();
          },
        });
      },
      closed,
    });
    return this.#beside;
  }

  #finish(reason: CloseReason, how: 'ended' | 'broken' | 'lost'): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#reader.stop();
    this.#beside?.close();
    this.#terminal.closed();
    this.#link.close(reason.text);
    this.#events.closed(reason);
    this.#host.finished(reason, how);
  }

  #trace(message: string, document: ScaDocument): void {
    // As JSON: masking knows what a member is by its name.
    if (this.#host.log.enabled('trace')) this.#host.log.trace(message, { text: documentJson(document) });
  }
}

/** POS_RECON has up to 30 characters. */
const MAX_MARK = 16;
