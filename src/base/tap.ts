import type { Framing } from './framing.ts';

/** Sees what crosses a bridge, for a capture. It copies what it is shown, and returns at once. */
export interface Tap {
  /** A wire begins. */
  wire(about: WireAbout): WireTap;
  /** A whole line between the bridge and an application. */
  line(from: 'bridge' | 'application', endpoint: string, connection: string | undefined, line: Buffer): void;
}

export interface WireAbout {
  readonly connection: string;
  readonly peer: string;
  readonly dialect: string;
  readonly framing: Framing;
}

export interface WireTap {
  crosses(from: 'peer' | 'bridge', bytes: Uint8Array): void;
  closed(why: string | undefined): void;
}
