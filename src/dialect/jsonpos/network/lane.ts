import { Queue } from '../../../base/queue.ts';
import type { ConnectionId } from './connection-id.ts';

/** What of one proxied connection waits for its turn on the link, in order. */
export class Lane {
  readonly id: ConnectionId;
  readonly #chunks = new Queue<Buffer>();
  #queuedBytes = 0;

  constructor(id: ConnectionId) {
    this.id = id;
  }

  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /** The bytes belong to the lane from now on. */
  add(bytes: Buffer): void {
    if (bytes.length === 0) return;
    this.#chunks.push(bytes);
    this.#queuedBytes += bytes.length;
  }

  /** The next bytes, `count` of them or what there is. */
  take(count: number): Buffer {
    const parts: Buffer[] = [];
    let missing = Math.min(count, this.#queuedBytes);
    this.#queuedBytes -= missing;
    while (missing > 0) {
      const chunk = this.#chunks.shift() as Buffer;
      const part = chunk.subarray(0, missing);
      if (part.length < chunk.length) this.#chunks.unshift([chunk.subarray(part.length)]);
      parts.push(part);
      missing -= part.length;
    }
    return parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);
  }

  clear(): void {
    this.#chunks.drain();
    this.#queuedBytes = 0;
  }
}
