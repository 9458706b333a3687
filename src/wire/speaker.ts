import type { Clock, Timer } from '../base/clock.ts';
import type { CloseReason } from '../base/close-reason.ts';
import { describeFault } from '../base/errors.ts';
import { OutputQueue, type OutputQueueOptions, type Urgency } from './output-queue.ts';
import type { Wire } from './wire.ts';

/** How long the peer's last bytes are read and thrown away after the goodbye. */
export const DISCARD_MS = 2000;
/**
 * A line that has been silent for so long after the goodbye has nothing more to be thrown away: its end cannot be seen.
 */
export const QUIET_MS = 150;

export interface SpeakerOptions extends Pick<OutputQueueOptions, 'linkSpeed' | 'onSlowFrame' | 'onWritten'> {
  readonly clock: Clock;
  /** What the peer is called in close reasons; default `the peer`. */
  readonly peer?: string;
  /** Output beyond which the peer counts as stalled at once, bytes; default: only time decides. */
  readonly maxOutputBytes?: number;
  /** Whether a stalled wire is reset, so that the peer never gets what it has not taken; default: no. */
  readonly resetsStalled?: boolean;
}

export interface SpeakerEvents {
  /** Bytes of the peer, until `finish`. They belong to the receiver only during the call. */
  chunk(bytes: Buffer): void;
  /** The transport refuses what the peer sends; whatever is sent now is its last word. `finish` follows. */
  refused?(fault: Error): void;
  /** The peer has ended its output, before `finish`. */
  inputEnded(): void;
  /** Output is piling up, or flows again. */
  congested(isCongested: boolean): void;
  /** Nothing more can be sent. At most once, `wasFinishing`: after `finish`. */
  lost(reason: CloseReason, wasFinishing: boolean): void;
  /** The wire is gone. Exactly once, after `lost`. */
  closed(fault: Error | undefined): void;
}

export interface Farewell {
  /** When `DISCARD_MS` begins: once everything is written, for a peer that still reads; default. */
  readonly limit?: 'from now' | 'once written';
  /**
   * What becomes of output that the peer has not received: the transport may go on delivering it (`deliver`, default);
   * not what is unwritten when the time is over (`cut`); nothing that it has not received by then (`reset`); nothing
   * once all is written, and without ending output before (`reset when written`). Only for wires that can be reset.
   */
  readonly undelivered?: 'deliver' | 'cut' | 'reset' | 'reset when written';
}

/**
 * Speaks on one wire, paces what is sent, and says goodbye in good order:
 *
 *   speaking ──finish──▶ finishing (what is queued is written, output is ended, input is read and thrown away) ──▶
 *   closed
 *       └──── the wire is lost, or takes nothing for too long ──────────────────────────────────────────────────────▲
 */
export class Speaker {
  readonly #wire: Wire;
  readonly #clock: Clock;
  readonly #events: SpeakerEvents;
  readonly #output: OutputQueue;
  readonly #peer: string;
  readonly #maxOutputBytes: number;
  readonly #resetsStalled: boolean;
  #state: 'speaking' | 'finishing' | 'lost' | 'closed' = 'speaking';
  #isInputEnded = false;
  #isOutputEnded = false;
  #resetsWhenWritten = false;
  #discard: Timer | undefined;
  /** Runs on a line, from when all is written. */
  #quiet: Timer | undefined;

  constructor(wire: Wire, options: SpeakerOptions, events: SpeakerEvents) {
    const { clock, peer = 'the peer', maxOutputBytes = Number.POSITIVE_INFINITY, onWritten } = options;
    this.#wire = wire;
    this.#clock = clock;
    this.#events = events;
    this.#peer = peer;
    this.#maxOutputBytes = maxOutputBytes;
    this.#resetsStalled = options.resetsStalled === true;
    this.#output = new OutputQueue(wire, {
      clock,
      onHigh: (isHigh) => this.#congested(isHigh),
      onStalled: () => this.#stalled(),
      onWritten: () => {
        onWritten?.();
        this.#resetIfWritten();
      },
      ...(options.linkSpeed !== undefined && { linkSpeed: options.linkSpeed }),
      ...(options.onSlowFrame !== undefined && { onSlowFrame: options.onSlowFrame }),
    });
  }

  /** Begins to read. Nothing is reported from inside. Call once. */
  start(): void {
    this.#wire.start({
      chunk: (bytes) => {
        if (this.#state === 'speaking') this.#events.chunk(bytes);
        else if (this.#quiet !== undefined) this.#awaitQuiet();
      },
      end: () => {
        this.#isInputEnded = true;
        if (this.#state === 'speaking') this.#events.inputEnded();
        else this.#discardUntilEnd();
      },
      ...(this.#events.refused !== undefined && { refused: (fault: Error) => this.#refused(fault) }),
      closed: (fault) => this.#closed(fault),
    });
  }

  /** Nothing more can be sent. */
  get isLost(): boolean {
    return this.#state === 'lost' || this.#state === 'closed';
  }

  /** Bytes that the wire has not taken yet. */
  get queuedBytes(): number {
    return this.#output.queuedBytes;
  }

  get isCongested(): boolean {
    return this.#output.isHigh;
  }

  /** From now on output is paced to a line of so many bytes a second. */
  pace(linkSpeed: number): void {
    this.#output.pace(linkSpeed);
  }

  /** Queues one frame; the bytes belong to the speaker from now on. An urgent one overtakes queued ones. */
  send(frame: Uint8Array, urgency: Urgency): void {
    this.#output.push(frame, urgency);
    if (this.#output.queuedBytes > this.#maxOutputBytes) queueMicrotask(() => this.#stalled());
  }

  /** Forgets the frames that are queued and not begun. */
  discardOutput(): void {
    this.#output.discard();
  }

  /** The goodbye is queued: nothing of the peer counts any more, and nothing more will be sent. Safe to repeat. */
  finish({ limit = 'once written', undelivered = 'deliver' }: Farewell = {}): void {
    if (this.#state !== 'speaking') return;
    this.#state = 'finishing';
    this.#wire.resume(); // nothing is read into memory any more
    if (undelivered === 'reset when written' && this.#wire.reset !== undefined && !this.#isInputEnded) {
      this.#resetsWhenWritten = true;
      this.#resetIfWritten();
    } else {
      this.#output.end(() => {
        this.#isOutputEnded = true;
        if (limit === 'once written') this.#startDiscard('destroy');
        if (undelivered === 'deliver') this.#awaitQuiet();
        this.#discardUntilEnd();
      });
    }
    if (limit === 'from now' && this.#isFinishing) this.#startDiscard(undelivered);
  }

  /** Closes at once, without a goodbye. What the peer has not received it never gets, where the wire can be reset. */
  reset(): void {
    if (this.#wire.reset === undefined) this.#wire.destroy();
    else this.#wire.reset();
  }

  /** Closes at once, without a goodbye. */
  destroy(): void {
    this.#wire.destroy();
  }

  /** Apart, since a callback may have changed the state. */
  get #isFinishing(): boolean {
    return this.#state === 'finishing';
  }

  #startDiscard(undelivered: Farewell['undelivered'] | 'destroy'): void {
    this.#discard ??= this.#clock.after(DISCARD_MS, () => {
      const isCut = undelivered === 'cut' || undelivered === 'reset when written';
      if (undelivered === 'reset' || (isCut && !this.#isOutputEnded)) this.reset();
      else this.#wire.destroy();
    });
  }

  /** Where nobody is on the line, nobody is waited for. */
  #awaitQuiet(): void {
    if (this.#wire.isLine !== true) return;
    this.#quiet?.cancel();
    this.#quiet = this.#clock.after(QUIET_MS, () => this.#wire.destroy());
  }

  /** Both have said all that they had to say. */
  #discardUntilEnd(): void {
    if (this.#isOutputEnded && this.#isInputEnded) this.#wire.destroy();
  }

  #resetIfWritten(): void {
    if (!this.#resetsWhenWritten || this.#output.queuedBytes > 0) return;
    this.#resetsWhenWritten = false;
    this.reset();
  }

  #refused(fault: Error): void {
    if (this.#state === 'speaking') this.#events.refused?.(fault);
    this.finish();
  }

  #congested(isCongested: boolean): void {
    if (isCongested && this.#state === 'speaking') this.#wire.pause();
    else this.#wire.resume();
    this.#events.congested(isCongested);
  }

  #stalled(): void {
    if (this.isLost) return;
    this.#lose({ code: 'WIRE_WRITE_TIMEOUT', text: `${this.#peer} takes no output`, by: 'us' });
    if (this.#resetsStalled) this.reset();
    else this.#wire.destroy();
  }

  #closed(fault: Error | undefined): void {
    this.#discard?.cancel();
    this.#quiet?.cancel();
    const text =
      fault === undefined ? `${this.#peer} has closed` : `the connection was lost: ${describeFault(fault)}`;
    this.#lose({ code: 'CONNECTION_CLOSED', text, by: 'wire' });
    this.#state = 'closed';
    this.#events.closed(fault);
  }

  #lose(reason: CloseReason): void {
    if (this.isLost) return;
    const wasFinishing = this.#state === 'finishing';
    this.#state = 'lost';
    this.#output.abandon();
    this.#events.lost(reason, wasFinishing);
  }
}
