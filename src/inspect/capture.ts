import type { Clock, Timer } from '../base/clock.ts';
import { describeFault } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { Tap, WireAbout, WireTap } from '../base/tap.ts';
import type { Inspector, WireReader } from '../dialect/inspecting.ts';
import type { CaptureFile } from './capture-file.ts';
import { type CaptureRecord, isoOf, lineRecord, wireRecord } from './record.ts';
import { SideReader } from './side-reader.ts';

/** How long what crosses may wait until it is taken apart and written. */
const EVERY_MS = 50;
/** Bytes that may wait; more are counted and left out. */
const MAX_WAITING_BYTES = 8 * 1024 * 1024;
/** Bytes that are taken apart at one go: nobody may wait for a capture. */
const MAX_TURN_BYTES = 32 * 1024;

export interface CaptureOptions {
  readonly file: CaptureFile;
  readonly clock: Clock;
  readonly log: Logger;
  /** Reads what a dialect speaks; undefined: nobody can. */
  readonly inspectorOf: (dialect: string) => Promise<Inspector | undefined>;
}

/** Something that waits: it costs `bytes`, and becomes records. */
interface Waiting {
  readonly bytes: number;
  readonly tell: (say: (record: CaptureRecord) => void) => void;
}

/**
 * Writes down what crosses wires and channels, masked. Whoever shows it something waits for a copy and for nothing
 * else: it is taken apart, masked and written behind.
 */
export class Capture implements Tap {
  readonly #options: CaptureOptions;
  #waiting: Waiting[] = [];
  #waitingBytes = 0;
  /** Taken apart and not written yet. */
  #lines: string[] = [];
  #lostBytes = 0;
  #timer: Timer | undefined;
  #writing: Promise<void> = Promise.resolve();
  #hasWarned = false;

  constructor(options: CaptureOptions) {
    this.#options = options;
  }

  wire(about: WireAbout): WireTap {
    const { connection, peer, dialect, framing } = about;
    const { clock, inspectorOf } = this.#options;
    const openedMs = clock.wallMs();
    let sides: { readonly peer: SideReader; readonly bridge: SideReader } | undefined;
    let inspector: Inspector = UNREADABLE;
    const loaded = inspectorOf(dialect).then((found) => {
      inspector = found ?? UNREADABLE;
      const [first, second] = inspector.open(framing);
      sides = { peer: new SideReader(first, framing), bridge: new SideReader(second, framing) };
    });
    this.#add(
      0,
      (say) => say({ time: isoOf(openedMs), connection, event: 'opened', peer, dialect, framing }),
      loaded,
    );
    return {
      crosses: (from, bytes) => {
        const timeMs = clock.wallMs();
        const own = Buffer.from(bytes);
        this.#add(own.length, (say) =>
          sides?.[from].push(own, timeMs, (piece) =>
            say(wireRecord(connection, from, piece, framing, inspector)),
          ),
        );
      },
      closed: (why) => {
        const timeMs = clock.wallMs();
        this.#add(0, (say) => {
          for (const from of ['peer', 'bridge'] as const) {
            sides?.[from].end(timeMs, (piece) =>
              say(wireRecord(connection, from, piece, framing, inspector)),
            );
          }
          say({ time: isoOf(timeMs), connection, event: 'closed', ...(why !== undefined && { why }) });
        });
        // As long as the connection lives, what it has called a secret is masked wherever it stands.
        if (sides !== undefined) this.#digest(Number.POSITIVE_INFINITY);
      },
    };
  }

  line(from: 'bridge' | 'application', endpoint: string, connection: string | undefined, line: Buffer): void {
    const timeMs = this.#options.clock.wallMs();
    const own = Buffer.from(line);
    this.#add(own.length, (say) => say(lineRecord(timeMs, { from, endpoint, connection, line: own })));
  }

  /** Writes what waits. */
  async close(): Promise<void> {
    this.#timer?.cancel();
    await this.#writing;
    while (this.#waiting.length + this.#lines.length > 0) await this.#writeSome(Number.POSITIVE_INFINITY);
  }

  #add(bytes: number, tell: Waiting['tell'], first?: Promise<void>): void {
    if (first !== undefined) this.#writing = this.#writing.then(() => first);
    if (this.#waitingBytes + bytes > MAX_WAITING_BYTES) {
      this.#lostBytes += bytes;
      return;
    }
    this.#waitingBytes += bytes;
    this.#waiting.push({ bytes, tell });
    this.#timer ??= this.#options.clock.after(EVERY_MS, () => this.#later());
  }

  #later(): void {
    this.#writing = this.#writing
      .then(() => this.#writeSome(MAX_TURN_BYTES))
      .then(() => {
        this.#timer =
          this.#waiting.length + this.#lines.length > 0
            ? this.#options.clock.after(0, () => this.#later())
            : undefined;
      });
  }

  /** Takes apart and masks what waits. */
  #digest(maxBytes: number): void {
    const say = (record: CaptureRecord) => this.#lines.push(`${JSON.stringify(record)}\n`);
    if (this.#lostBytes > 0) {
      say({ time: isoOf(this.#options.clock.wallMs()), lost: this.#lostBytes });
      this.#lostBytes = 0;
    }
    let bytes = 0;
    while (bytes < maxBytes) {
      const next = this.#waiting.shift();
      if (next === undefined) break;
      bytes += next.bytes;
      this.#waitingBytes -= next.bytes;
      next.tell(say);
    }
  }

  async #writeSome(maxBytes: number): Promise<void> {
    this.#digest(maxBytes);
    const lines = this.#lines;
    this.#lines = [];
    if (lines.length === 0) return;
    try {
      await this.#options.file.append(lines.join(''));
      this.#hasWarned = false;
    } catch (fault) {
      if (!this.#hasWarned)
        this.#options.log.warn('the capture cannot be written', {
          file: this.#options.file.path,
          why: describeFault(fault),
        });
      this.#hasWarned = true;
    }
  }
}

/** For a protocol without an inspector: how many bytes there were. */
const nobody: WireReader = {
  push: (bytes, sink) => sink.message({ kind: 'message', text: '', isHidden: true }, bytes.length),
};
const UNREADABLE: Inspector = { open: () => [nobody, nobody] };
