import type { ChannelName } from '../base/channel-name.ts';
import { isChannelName } from '../base/channel-name.ts';
import type { Logger } from '../base/log.ts';
import type { Statistics } from '../base/statistics.ts';
import { complaintLine, requestLine } from '../channel/application-line.ts';
import type {
  Attachment,
  AttachmentUser,
  Channels,
  LineFate,
  OutgoingLine,
  QueuedLine,
} from '../channel/channel.ts';
import type { InboundRequest } from '../dialect/dialect.ts';
import { Gate } from './gate.ts';
import type { OpenRequest } from './open-request.ts';
import { type QuestionOptions, Questions } from './questions.ts';
import { type Route, Router } from './router.ts';

export interface ApplicationsOptions extends Omit<QuestionOptions, 'user'> {
  readonly channels: Channels;
  readonly routes: readonly Route[];
  readonly table: Readonly<Record<string, ChannelName>>;
  readonly log: Logger;
  readonly statistics: Statistics;
}

/**
 * The applications of one connection: which one a method goes to, in which order lines go there, and what they are
 * asked.
 */
export class Applications implements Iterable<Attachment> {
  readonly questions: Questions;
  readonly #user: AttachmentUser;
  readonly #options: ApplicationsOptions;
  readonly #router: Router;
  readonly #gates: ReadonlyMap<Attachment, Gate>;

  constructor(user: AttachmentUser, options: ApplicationsOptions) {
    const { channels, routes, table } = options;
    this.#user = user;
    this.#options = options;
    this.#router = new Router(channels, routes, table);
    this.#gates = new Map(
      [...new Set(channels.values())].map((attachment) => [attachment, new Gate(attachment, user)]),
    );
    this.questions = new Questions({ ...options, user });
  }

  [Symbol.iterator](): Iterator<Attachment> {
    return this.#gates.keys();
  }

  attach(): void {
    for (const attachment of this.#gates.keys()) attachment.attach(this.#user);
  }

  detach(): void {
    this.questions.close();
    for (const attachment of this.#gates.keys()) attachment.detach(this.#user);
  }

  /** Reads no further, or again. */
  hold(isHeld: boolean): void {
    for (const attachment of this.#gates.keys()) attachment.hold(this.#user, isHeld);
  }

  channelOf(method: string): ChannelName {
    return this.#router.channelOf(method);
  }

  /** Whether the protocol has such a method. */
  isKnown(method: string): boolean {
    return Object.hasOwn(this.#options.table, method);
  }

  /** Undefined when nothing that could take the method is attached. */
  attachmentFor(method: string): Attachment | undefined {
    return this.#router.attachmentFor(method);
  }

  /** The channel's application, else the one for the method. */
  attachmentOf(channel: string | undefined, method: string): Attachment | undefined {
    const named =
      channel !== undefined && isChannelName(channel) ? this.#router.writable(channel) : undefined;
    return named ?? this.#router.attachmentFor(method);
  }

  /** Where an application that spoke on this attachment can be told something. */
  wayBackTo(from: Attachment): Attachment | undefined {
    return from.canWrite ? from : this.#router.writable('payment');
  }

  /** Whether an application that went away can still say something, here or on another channel. */
  canHear(attachment: Attachment): boolean {
    return !attachment.isGone || [...this.#gates.keys()].some(({ canRead, isGone }) => canRead && !isGone);
  }

  /** The line that hands a request over. */
  lineOf({ id }: OpenRequest, { methodText, params }: InboundRequest): Buffer {
    return requestLine(this.#user.lineStart, `"${id}"`, methodText, params);
  }

  /** Hands the line over in its order, or waits for its application. */
  forward(open: OpenRequest, bytes: Buffer, fate: LineFate): void {
    const { attachment, transaction } = open;
    if (attachment === undefined) return;
    const line: OutgoingLine = { bytes, kind: 'request', fate };
    // A transaction is what the others are held back for.
    const gate = transaction?.entry === undefined ? this.#gates.get(attachment) : undefined;
    open.line = gate?.send(line) ?? attachment.send(this.#user, line);
  }

  send(attachment: Attachment, line: OutgoingLine): QueuedLine {
    return this.#gates.get(attachment)?.send(line) ?? attachment.send(this.#user, line);
  }

  /** To every application that can be told. */
  tell(bytes: Buffer): void {
    for (const attachment of this.#gates.keys()) {
      if (attachment.canWrite) this.send(attachment, { bytes, kind: 'lifecycle' });
    }
  }

  /**
   * Says what is wrong with a line. `idText` is that of a request; `about` is the id of what an answer was meant for.
   */
  complain(
    from: Attachment,
    code: string,
    details: string,
    { idText, about }: { readonly idText?: string | undefined; readonly about?: string } = {},
  ): void {
    this.#options.log.warn('a line of an application was refused', { endpoint: from.text, code, details });
    this.#options.statistics.count('refused lines');
    const bytes = complaintLine(this.#user.lineStart, idText, code, details, about);
    const to = this.wayBackTo(from);
    if (to !== undefined) this.send(to, { bytes, kind: 'answer' });
  }

  /** Keeps what comes later behind a line that is not sent yet; the answer lets it go. */
  holdBack(attachment: Attachment): () => void {
    return this.#gates.get(attachment)?.hold() ?? (() => {});
  }
}
