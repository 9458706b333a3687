import type { Clock, Timer } from '../base/clock.ts';
import { requestLine } from '../channel/application-line.ts';
import type { Attachment, AttachmentUser } from '../channel/channel.ts';
import type { OutcomeText as Answer } from '../rpc/outcome.ts';

export interface QuestionOptions {
  readonly user: AttachmentUser;
  /** The recovery method. */
  readonly method: string;
  readonly clock: Clock;
  readonly timeoutMs: number;
  /** Never used before. */
  readonly nextId: () => string;
}

/** Who wants to know: the peer, which may go away, or a transaction of its own, which is awaited all the same. */
export type Purpose = 'peer' | 'transaction';

interface Question {
  readonly attachment: Attachment;
  readonly purpose: Purpose;
  readonly settle: (answer: Answer | undefined) => void;
  timer: Timer | undefined;
}

/** Recovery requests of the bridge's own to applications, each settled once: by an answer, or without one. */
export class Questions {
  readonly #options: QuestionOptions;
  readonly #open = new Map<string, Question>();
  #isClosed = false;

  constructor(options: QuestionOptions) {
    this.#options = options;
  }

  /**
   * Asks an application. `settle` gets its answer, or undefined when it cannot be asked, goes away, or does not answer
   * in time; it is called from a later turn.
   */
  ask(attachment: Attachment, params: Buffer, purpose: Purpose, settle: Question['settle']): void {
    if (this.#isClosed) {
      queueMicrotask(() => settle(undefined));
      return;
    }
    const { user, method, clock, timeoutMs, nextId } = this.#options;
    const id = nextId();
    const question: Question = { attachment, purpose, settle, timer: undefined };
    this.#open.set(id, question);
    question.timer = clock.after(timeoutMs, () => this.#settle(id, undefined));
    attachment.send(user, {
      bytes: requestLine(user.lineStart, JSON.stringify(id), JSON.stringify(method), params),
      kind: 'request',
      fate: { refused: () => this.#settle(id, undefined) },
    });
  }

  answered(id: string, answer: Answer): void {
    this.#settle(id, { ...answer, text: Buffer.from(answer.text) });
  }

  /** There was an answer, and it cannot be taken. */
  misheard(id: string): void {
    this.#settle(id, undefined);
  }

  has(id: string): boolean {
    return this.#open.has(id);
  }

  applicationGone(attachment: Attachment): void {
    for (const [id, question] of [...this.#open])
      if (question.attachment === attachment) this.#settle(id, undefined);
  }

  /** The peer waits for no answers any more. */
  peerGone(): void {
    for (const [id, question] of [...this.#open])
      if (question.purpose === 'peer') this.#settle(id, undefined);
  }

  /** Nobody waits for answers any more, and nothing more is asked. */
  close(): void {
    this.#isClosed = true;
    for (const id of [...this.#open.keys()]) this.#settle(id, undefined);
  }

  #settle(id: string, answer: Answer | undefined): void {
    const question = this.#open.get(id);
    if (question === undefined) return;
    this.#open.delete(id);
    question.timer?.cancel();
    question.settle(answer);
  }
}
