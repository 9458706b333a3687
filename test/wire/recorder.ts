import { setImmediate as turn } from 'node:timers/promises';
import { deferred } from '../../src/base/deferred.ts';
import type { Wire, WireEvents } from '../../src/wire/wire.ts';

/**
 * Listens to one wire, keeps what it says in order, and notices events that come from inside a call. `act`
 * wraps every call that must not call back.
 */
export class Recorder {
  readonly wire: Wire;
  readonly order: string[] = [];
  readonly violations: string[] = [];
  readonly closed: Promise<Error | undefined>;
  readonly ended: Promise<void>;
  onChunk: (bytes: Buffer) => void = () => {};
  chunks: Buffer[] = [];
  bytes = 0;
  #inside = '';
  readonly #seen = new Set<string>();
  #waiting: { enough: () => boolean; resolve: () => void }[] = [];
  #events: WireEvents;

  constructor(wire: Wire) {
    this.wire = wire;
    const closed = deferred<Error | undefined>();
    const ended = deferred<void>();
    this.closed = closed.promise;
    this.ended = ended.promise;
    this.#events = {
      chunk: (bytes) => {
        this.#note('chunk');
        this.chunks.push(Buffer.from(bytes));
        this.bytes += bytes.length;
        this.onChunk(bytes);
        this.#wake();
      },
      end: () => {
        this.#note('end');
        ended.resolve(undefined);
      },
      closed: (fault) => {
        this.#note('closed');
        closed.resolve(fault);
      },
    };
  }

  start(): this {
    this.act('start', () => this.wire.start(this.#events));
    return this;
  }

  /** Resolves with the fault, or undefined when all was taken. */
  write(bytes: Uint8Array | string): Promise<Error | undefined> {
    return new Promise((resolve) => {
      let calls = 0;
      this.act('write', () =>
        this.wire.write(typeof bytes === 'string' ? Buffer.from(bytes) : bytes, (fault) => {
          calls += 1;
          if (calls > 1) this.violations.push('done called twice');
          this.#note(fault === undefined ? 'done' : 'failed');
          resolve(fault);
        }),
      );
    });
  }

  destroy(): void {
    this.act('destroy', () => this.wire.destroy());
  }

  act(name: string, run: () => void): void {
    this.#inside = name;
    run();
    this.#inside = '';
  }

  async received(bytes: number): Promise<Buffer> {
    if (this.bytes < bytes) {
      await new Promise<void>((resolve) => {
        this.#waiting.push({ enough: () => this.bytes >= bytes, resolve });
      });
    }
    return Buffer.concat(this.chunks);
  }

  /** What happened, with chunks that follow each other as one. */
  get outline(): string[] {
    return this.order.filter((event, at) => event !== 'chunk' || this.order[at - 1] !== 'chunk');
  }

  get text(): string {
    return Buffer.concat(this.chunks).toString();
  }

  #note(event: string): void {
    if (this.#inside !== '') this.violations.push(`${event} inside ${this.#inside}`);
    if (this.#seen.has('closed') && event !== 'failed') this.violations.push(`${event} after closed`);
    if (event === 'end' && this.#seen.has('end')) this.violations.push('end twice');
    if (event === 'chunk' && this.#seen.has('end')) this.violations.push('chunk after end');
    this.#seen.add(event);
    this.order.push(event);
  }

  #wake(): void {
    for (const { enough, resolve } of this.#waiting) if (enough()) resolve();
  }
}

/** Lets everything that is due happen: enough turns for whatever a wire schedules by itself. */
export async function someTurns(): Promise<void> {
  for (let n = 0; n < 20; n++) await turn();
}

/** Bytes that show any loss, doubling or reordering. */
export function pattern(length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  for (let at = 0; at < length; at++) bytes[at] = (at * 31 + (at >> 8) * 7 + (at >> 16)) & 0x7f;
  return bytes;
}

/** Writes one piece after the other; resolves with the first fault. */
export async function writePieces(
  recorder: Recorder,
  bytes: Buffer,
  pieceBytes: number,
): Promise<Error | undefined> {
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    const fault = await recorder.write(bytes.subarray(at, at + pieceBytes));
    if (fault !== undefined) return fault;
  }
  return undefined;
}
