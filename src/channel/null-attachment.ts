import type { Attachment, AttachmentUser, OutgoingLine, QueuedLine } from './channel.ts';

/** `null:`: nobody is there. Notifications vanish, requests are refused. */
export class NullAttachment implements Attachment {
  readonly text = 'null:';
  readonly endpoint = undefined;
  readonly canWrite = true;
  readonly canRead = false;
  readonly isGroup = false;
  readonly epoch = 0;
  readonly isThere = false;
  readonly isGone = false;
  readonly queuedBytes = 0;

  attach(_user: AttachmentUser): void {}

  detach(_user: AttachmentUser): void {}

  send(_user: AttachmentUser, line: OutgoingLine): QueuedLine {
    queueMicrotask(() => line.fate?.refused?.('CHANNEL_UNAVAILABLE'));
    return { withdraw: () => false };
  }

  misheard(): void {}

  hold(_user: AttachmentUser, _isHeld: boolean): void {}

  async close(): Promise<void> {}
}
