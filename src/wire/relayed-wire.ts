import { setImmediate } from 'node:timers';
import { afterSilence, type Clock, systemClock } from '../base/clock.ts';
import { deferred } from '../base/deferred.ts';
import { BridgeError } from '../base/errors.ts';
import { HANDSHAKE_LIMIT_MS } from './handshakes.ts';
import { type ProxyHeader, readProxyHeader } from './proxy-header.ts';
import type { Peer, Wire, WireEvents } from './wire.ts';
import { WireLife } from './wire-life.ts';

/**
 * Takes the header of the PROXY protocol off a stream wire that begins with one: what is returned is the wire behind
 * it, with the peer that the header names. A connection that ends without a byte is the proxy's own: a health check.
 * Rejects with WIRE_FAULT where the wire begins with something else, or has no whole header within 5 s; the wire is
 * closed then.
 */
export function acceptRelayed(
  wire: Wire,
  { clock = systemClock }: { readonly clock?: Clock | undefined } = {},
): Promise<Wire> {
  const { promise, resolve, reject } = deferred<Wire>();
  const settle = (run: () => void) => {
    deadline.cancel();
    run();
  };
  const refuse = (why: string) => {
    const text = `${wire.peer.text} has to begin with a PROXY protocol header (--proxy-protocol): ${why}`;
    settle(() => reject(new BridgeError('WIRE_FAULT', text)));
    wire.destroy();
  };
  const relayed = new RelayedWire(wire, (found) => {
    if ('fault' in found) refuse(found.fault);
    else settle(() => resolve(relayed));
  });
  const deadline = afterSilence(clock, HANDSHAKE_LIMIT_MS, () =>
    refuse(`no whole one came within ${HANDSHAKE_LIMIT_MS / 1000} s`),
  );
  relayed.begin();
  return promise;
}

const NOTHING = Buffer.alloc(0);

/**
 * reading the header ──whole──▶ waiting for `start` ──▶ handing over what came with the header ──▶ open
 *         └──anything else──▶ refused
 *
 * From the header on it is the wire below. What has come with the header is reported first; a fault, or `destroy`,
 * waits for nothing and drops it.
 */
class RelayedWire implements Wire {
  readonly framing = 'stream';
  readonly #wire: Wire;
  readonly #found: (found: ProxyHeader) => void;
  /** Of what is reported; output goes straight to the wire below. */
  readonly #life = new WireLife();
  #peer: Peer;
  #header: 'awaited' | 'read' | 'refused' = 'awaited';
  /** Before the header is whole, its beginning; then what has come behind it. */
  #held: Buffer = NOTHING;
  #isPaused = false;
  #hasEnded = false;
  #isOver = false;

  constructor(wire: Wire, found: (found: ProxyHeader) => void) {
    this.#wire = wire;
    this.#peer = wire.peer;
    this.#found = found;
  }

  get peer(): Peer {
    return this.#peer;
  }

  get isDelivering(): boolean {
    return this.#life.isDelivering;
  }

  get isTaken(): boolean {
    return this.#wire.isTaken === true;
  }

  /** Reads the header. */
  begin(): void {
    this.#wire.start({
      chunk: (bytes) => this.#chunk(bytes),
      end: () => {
        this.#hasEnded = true;
        this.#inputIsOver();
      },
      closed: (fault) => {
        this.#isOver = true;
        if (fault !== undefined) this.#life.doom(fault);
        this.#inputIsOver();
        if (this.#life.isDoomed) this.#life.close();
      },
    });
  }

  start(events: WireEvents): void {
    this.#life.begin(events);
    setImmediate(() => this.#hand());
  }

  write(bytes: Uint8Array, done: (fault?: Error) => void): void {
    this.#wire.write(bytes, done);
  }

  pause(): void {
    this.#isPaused = true;
    this.#wire.pause();
  }

  resume(): void {
    this.#isPaused = false;
    setImmediate(() => this.#hand());
  }

  endOutput(): void {
    this.#wire.endOutput();
  }

  destroy(): void {
    this.#giveUp();
    this.#wire.destroy();
  }

  reset(): void {
    this.#giveUp();
    if (this.#wire.reset === undefined) this.#wire.destroy();
    else this.#wire.reset();
  }

  #chunk(bytes: Buffer): void {
    if (this.#header === 'refused') return;
    if (this.#header === 'read' && this.#held.length === 0 && this.#life.isStarted) {
      this.#life.chunk(bytes);
      return;
    }
    this.#held = Buffer.concat([this.#held, bytes]);
    if (this.#header === 'awaited') this.#look();
  }

  #look(): void {
    const header = readProxyHeader(this.#held);
    if (header === undefined) return;
    if ('fault' in header) this.#header = 'refused';
    else {
      this.#header = 'read';
      this.#wire.pause();
      this.#peer = header.source ?? this.#wire.peer;
      this.#held = this.#held.subarray(header.bytes);
    }
    this.#found(header);
  }

  #inputIsOver(): void {
    if (this.#header === 'read') this.#hand();
    if (this.#header !== 'awaited') return;
    const isSilent = this.#held.length === 0;
    this.#header = isSilent ? 'read' : 'refused';
    this.#found(isSilent ? { source: undefined, bytes: 0 } : { fault: 'the connection ended within it' });
  }

  #giveUp(): void {
    this.#life.doom();
    if (this.#isOver) setImmediate(() => this.#life.close());
  }

  /** Reports what has waited, in order, then lets the wire below go on. */
  #hand(): void {
    if (!this.#life.isStarted || this.#isPaused || this.#life.isDoomed) return;
    const held = this.#held;
    this.#held = NOTHING;
    if (held.length > 0) this.#life.chunk(held);
    if (this.#isPaused) return;
    if (this.#hasEnded) this.#life.end();
    if (this.#isOver) this.#life.close();
    else this.#wire.resume();
  }
}
