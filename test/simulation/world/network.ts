import type { Peer, Wire, WireEvents } from '../../../src/wire/wire.ts';
import type { Process } from './process.ts';
import type { Random } from './random.ts';
import type { World } from './world.ts';

/** What one direction of a connection takes before its writer has to wait. */
const WINDOW_BYTES = 64 * 1024;
const MAX_DELAY_MS = 3;

interface Listening {
  readonly process: Process;
  readonly onWire: (end: End) => void;
}

export class NetworkError extends Error {
  readonly code: string;

  constructor(code: string) {
    super(`${code}: the network`);
    this.code = code;
  }
}

/** Listeners by place (`tcp:10.0.0.9:9000`), and the connections between processes. */
export class Network {
  readonly world: World;
  readonly #listening = new Map<string, Listening>();

  constructor(world: World) {
    this.world = world;
  }

  listen(process: Process, place: string, onWire: (end: End) => void): () => void {
    const other = this.#listening.get(place);
    if (other?.process.isAlive) throw new NetworkError('EADDRINUSE');
    const listening = { process, onWire };
    this.#listening.set(place, listening);
    return () => {
      if (this.#listening.get(place) === listening) this.#listening.delete(place);
    };
  }

  connect(process: Process, place: string): Promise<End> {
    const { schedule } = this.world;
    const { random } = process;
    const isLocal = place.startsWith('unix:');
    return new Promise((resolve, reject) => {
      schedule.after(random.fraction() * MAX_DELAY_MS, () => {
        if (!process.isAlive) return;
        const listening = this.#listening.get(place);
        if (listening?.process.isAlive !== true) {
          process.after(0, () => reject(new NetworkError('ECONNREFUSED')));
          return;
        }
        const peer: Peer = isLocal
          ? { text: 'unix' }
          : { address: process.machine.address, text: process.machine.address };
        const own = random.fork(`connection ${random.next()}`);
        const ours = new End(this.world, process, { text: place }, own);
        const theirs = new End(this.world, listening.process, peer, own);
        ours.join(theirs);
        process.after(0, () => resolve(ours));
        listening.process.after(random.fraction(), () => listening.onWire(theirs));
      });
    });
  }
}

/** One end of a connection, in the hands of a process. */
export class End implements Wire {
  readonly framing = 'stream';
  readonly peer: Peer;
  readonly #world: World;
  readonly #random: Random;
  #owner: Process;
  #other: End = this;
  #events: WireEvents | undefined;
  readonly #incoming: Buffer[] = [];
  /** What the other end has written and this one has not taken yet. */
  #unread = 0;
  #lastArrivalMs = 0;
  #writing: { readonly length: number; readonly done: (fault?: Error) => void } | undefined;
  /** What this end has written and the other one has not taken yet. */
  #sent = 0;
  #isPaused = false;
  #isDelivering = false;
  #hasEndedOutput = false;
  #hasEnd = false;
  #hasToldEnd = false;
  /** The descriptor is closed: by the program, its death, or a reset that it has seen. */
  #isGone = false;
  #isClosed = false;
  /** Nothing crosses any more, and nobody is told. */
  #isSevered = false;

  /** @param random of the connection */
  constructor(world: World, owner: Process, peer: Peer, random: Random) {
    this.#world = world;
    this.#random = random;
    this.#owner = owner;
    this.peer = peer;
    owner.wires.add(this);
  }

  join(other: End): void {
    this.#other = other;
    other.#other = this;
  }

  /** Another process has it from now on: a super-server hands it over. */
  moveTo(owner: Process): void {
    this.#owner.wires.delete(this);
    this.#owner = owner;
    owner.wires.add(this);
  }

  // What a program does with it.

  start(events: WireEvents): void {
    if (this.#events !== undefined) throw new TypeError('a wire is started once');
    this.#events = events;
    if (this.#isGone) this.#tellClosed();
    else this.#deliver();
  }

  write(bytes: Uint8Array, done: (fault?: Error) => void): void {
    if (this.#writing !== undefined) throw new TypeError('a wire takes one write at a time');
    if (this.#isGone || this.#hasEndedOutput) {
      this.#owner.after(0, () => done(new NetworkError(this.#isGone ? 'EPIPE' : 'WIRE_OUTPUT_ENDED')));
      return;
    }
    this.#writing = { length: bytes.length, done };
    this.#send(Buffer.from(bytes));
    if (this.#sent <= WINDOW_BYTES) this.#taken();
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.#deliver();
  }

  endOutput(): void {
    if (this.#hasEndedOutput || this.#isGone) return;
    this.#hasEndedOutput = true;
    this.#arriveAtOther(() => this.#other.#endArrives());
    this.#closeIfOver();
  }

  destroy(): void {
    this.#leave();
    this.#tellClosed();
  }

  reset(): void {
    this.#isSevered = true; // what is on its way never arrives
    this.destroy();
  }

  /** Its process is dead. What was written still arrives. */
  abandon(): void {
    this.#leave();
  }

  /** Bytes that its program could read and has not. */
  get unread(): number {
    return this.#unread;
  }

  // What the network does.

  /** The connection is reset from outside: both ends find out. */
  cut(): void {
    for (const end of [this, this.#other]) {
      end.#isSevered = true;
      end.#resetArrives();
    }
  }

  /** Nothing crosses any more; the kernels find out after a while. */
  sever(): void {
    this.#isSevered = true;
    this.#other.#isSevered = true;
    this.#world.schedule.after(5000 + this.#random.below(25_000), () => this.cut());
  }

  #send(bytes: Buffer): void {
    const random = this.#random;
    this.#sent += bytes.length;
    for (let at = 0; at < bytes.length; ) {
      const length = random.chance(0.7) ? bytes.length - at : 1 + random.below(bytes.length - at);
      const piece = bytes.subarray(at, at + length);
      at += length;
      this.#arriveAtOther(() => this.#other.#arrives(piece));
    }
  }

  /** In order, after a while. */
  #arriveAtOther(arrive: () => void): void {
    const { schedule } = this.#world;
    const other = this.#other;
    const atMs = Math.max(other.#lastArrivalMs, schedule.nowMs + this.#random.fraction() * MAX_DELAY_MS);
    other.#lastArrivalMs = atMs;
    schedule.after(atMs - schedule.nowMs, () => {
      if (!this.#isSevered) arrive();
    });
  }

  #arrives(piece: Buffer): void {
    const { roughness, faults } = this.#world;
    const random = this.#random;
    const isSilent = random.chance(0.25);
    const kind = isSilent ? 'connections severed' : 'connections cut';
    if (random.chance(roughness.cut) && faults.happens(kind)) {
      this.#owner.tell(`the connection with ${this.#other.#owner.name} is ${isSilent ? 'severed' : 'cut'}`);
      if (isSilent) this.sever();
      else {
        const rest = random.below(piece.length + 1);
        if (rest > 0 && !this.#isGone) this.#keep(piece.subarray(0, rest));
        this.cut();
      }
      return;
    }
    if (this.#isGone) this.#other.#resetComes();
    else this.#keep(piece);
  }

  #keep(piece: Buffer): void {
    this.#incoming.push(piece);
    this.#unread += piece.length;
    this.#deliver();
  }

  #endArrives(): void {
    this.#hasEnd = true;
    this.#deliver();
  }

  #resetComes(): void {
    this.#world.schedule.after(this.#random.fraction() * MAX_DELAY_MS, () => this.#resetArrives());
  }

  #resetArrives(): void {
    if (this.#isGone) return;
    // What had arrived before can still be read, as a rule.
    if (this.#incoming.length > 0 && this.#events !== undefined && this.#random.chance(0.5)) {
      const bytes = Buffer.concat(this.#incoming.splice(0));
      const events = this.#events;
      this.#owner.after(0, () => !this.#isClosed && events.chunk(bytes));
    }
    this.#isGone = true;
    this.#owner.wires.delete(this);
    this.#tellClosed(new NetworkError('ECONNRESET'));
  }

  #leave(): void {
    if (this.#isGone) return;
    this.#isGone = true;
    this.#owner.wires.delete(this);
    const hasUnread = this.#unread > 0;
    if (this.#isSevered) {
      this.#other.#resetComes();
      return;
    }
    if (hasUnread) this.#arriveAtOther(() => this.#other.#resetArrives());
    else if (!this.#hasEndedOutput) this.#arriveAtOther(() => this.#other.#endArrives());
  }

  #deliver(): void {
    if (this.#isDelivering || this.#isPaused || this.#events === undefined || this.#isGone) return;
    if (this.#incoming.length === 0 && (!this.#hasEnd || this.#hasToldEnd)) return;
    this.#isDelivering = true;
    this.#owner.after(this.#random.fraction() * 0.2, () => {
      this.#isDelivering = false;
      if (this.#isPaused || this.#isGone) return;
      const bytes = Buffer.concat(this.#incoming.splice(0));
      if (bytes.length > 0) {
        this.#unread -= bytes.length;
        this.#other.#acknowledged(bytes.length);
        this.#events?.chunk(bytes);
      } else if (this.#hasEnd && !this.#hasToldEnd) {
        this.#hasToldEnd = true;
        this.#events?.end();
        this.#closeIfOver();
      }
      this.#deliver();
    });
  }

  #acknowledged(length: number): void {
    this.#sent -= length;
    if (this.#sent <= WINDOW_BYTES) this.#taken();
  }

  #taken(): void {
    const writing = this.#writing;
    if (writing === undefined) return;
    this.#owner.after(0.01, () => {
      if (this.#writing !== writing) return;
      this.#writing = undefined;
      writing.done(this.#isGone ? new NetworkError('EPIPE') : undefined);
      this.#closeIfOver();
    });
  }

  #closeIfOver(): void {
    if (!this.#hasToldEnd || !this.#hasEndedOutput || this.#writing !== undefined || this.#isGone) return;
    this.#isGone = true;
    this.#owner.wires.delete(this);
    this.#tellClosed();
  }

  #tellClosed(fault?: Error): void {
    this.#owner.after(0, () => {
      if (this.#isClosed || this.#events === undefined) return;
      this.#isClosed = true;
      const writing = this.#writing;
      this.#writing = undefined;
      writing?.done(fault ?? new NetworkError('WIRE_CLOSED'));
      this.#events.closed(fault);
    });
  }
}
