import { isIP } from 'node:net';
import { decodeString, kindOf, scanObject } from '../rpc/scan.ts';
import type { ApplicationEnd } from './line-end.ts';

/** Where a register is reached: through a bridge's attachment, under the bridge's name for its connection. */
export interface Caller {
  readonly end: ApplicationEnd;
  readonly connection: string | undefined;
}

export interface Register extends Caller {
  readonly peer: string;
  /** The name that the bridge has for it, if it has one. */
  readonly name: string | undefined;
}

/** How many connections one attachment may announce. */
const MAX_PER_END = 4096;

/** The registers that bridges have announced (`_Connected`) and not taken back. */
export class Registers {
  readonly #ends = new Map<ApplicationEnd, Map<string, Register>>();

  /** Whether it is a new one. */
  connected(end: ApplicationEnd, connection: string | undefined, params: Buffer): boolean {
    const { values } = scanObject(params, ['connection', 'peer', 'register']);
    const [named, peer = '', register] = values.map(textOf);
    const called = connection ?? named;
    if (called === undefined) return false;
    const known = this.#ends.get(end) ?? new Map<string, Register>();
    if (known.size >= MAX_PER_END && !known.has(called)) return false;
    this.#ends.set(end, known);
    const shown = peer.slice(0, MAX_PEER_CHARACTERS);
    known.set(called, { end, connection: called, peer: shown, name: register });
    return true;
  }

  /** Who calls, as far as a bridge has told. */
  find({ end, connection }: Caller): Register | undefined {
    return connection === undefined ? undefined : this.#ends.get(end)?.get(connection);
  }

  disconnected(end: ApplicationEnd, connection: string | undefined): void {
    if (connection !== undefined) this.#ends.get(end)?.delete(connection);
  }

  closed(end: ApplicationEnd): void {
    this.#ends.delete(end);
  }

  /** Each connection once, though it may have several attachments; the newest of these. */
  get all(): Register[] {
    const registers = new Map<string, Register>();
    for (const known of this.#ends.values()) for (const [name, one] of known) registers.set(name, one);
    return [...registers.values()];
  }
}

const MAX_PEER_CHARACTERS = 256;

function textOf(written: Buffer | undefined): string | undefined {
  if (written === undefined || written.length > 2048 || kindOf(written) !== 'string') return undefined;
  return decodeString(written.toString());
}

/** Whether two connections are certainly one register's: by its name, and where none has one by its address. */
export function isSameRegister(one: Register | undefined, other: Register | undefined): boolean {
  if (one === undefined || other === undefined) return false;
  if (one.name !== undefined || other.name !== undefined) return one.name === other.name;
  return isIP(one.peer) !== 0 && one.peer === other.peer;
}

/** A connection's name is unique while it lives; without one the attachment stands for it. */
export function isSame(one: Caller, other: Caller): boolean {
  return one.connection === other.connection && (one.connection !== undefined || one.end === other.end);
}
