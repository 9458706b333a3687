import { ownLine } from '../channel/application-line.ts';
import type { Attachment, AttachmentUser, OutgoingLine, QueuedLine } from '../channel/channel.ts';

/** Bytes that may wait behind one transaction that is being recorded. */
const MAX_BYTES = 4 * 1024 * 1024;

interface Waiting {
  readonly line: OutgoingLine;
  queued: QueuedLine | undefined;
  isWithdrawn: boolean;
}

/**
 * Keeps the order of one connection's lines to one application while a transaction is being recorded: what came
 * after it waits for it. Open unless held.
 */
export class Gate {
  readonly #attachment: Attachment;
  readonly #user: AttachmentUser;
  #holders = 0;
  #waiting: Waiting[] = [];
  #bytes = 0;

  constructor(attachment: Attachment, user: AttachmentUser) {
    this.#attachment = attachment;
    this.#user = user;
  }

  /** Holds back what comes from now on. The answer lets it go; safe to repeat. */
  hold(): () => void {
    this.#holders += 1;
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      this.#holders -= 1;
      if (this.#holders === 0) this.#flush();
    };
  }

  send(line: OutgoingLine): QueuedLine {
    if (this.#holders === 0) return this.#attachment.send(this.#user, line);
    if (this.#bytes + line.bytes.length > MAX_BYTES) {
      queueMicrotask(() => line.fate?.refused?.('BUSY'));
      return { withdraw: () => false };
    }
    this.#bytes += line.bytes.length;
    const own = { ...line, bytes: ownLine(line.bytes) };
    const waiting: Waiting = { line: own, queued: undefined, isWithdrawn: false };
    this.#waiting.push(waiting);
    return {
      withdraw: () => {
        if (waiting.queued !== undefined) return waiting.queued.withdraw();
        const isFirst = !waiting.isWithdrawn;
        waiting.isWithdrawn = true;
        return isFirst;
      },
    };
  }

  #flush(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#bytes = 0;
    for (const one of waiting) if (!one.isWithdrawn) one.queued = this.#attachment.send(this.#user, one.line);
  }
}
