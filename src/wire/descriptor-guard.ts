import type { Socket } from 'node:net';
import { descriptorLimit } from '../base/descriptor-limit.ts';
import { BridgeError } from '../base/errors.ts';

/** Descriptors that newcomers never get: those who are here open files, and connect again to what they have lost. */
const RESERVE_SHARE = 8;
const MAX_RESERVE = 64;

/**
 * Keeps newcomers from the last descriptors. Without it accepting goes on until there is none left, and libuv then
 * drops newcomers without a word while nobody can open a journal's file any more. A shortage is reported once, until it
 * is over.
 */
export class DescriptorGuard {
  readonly #limit: number;
  readonly #reserve: number;
  readonly #onFault: (fault: Error) => void;
  readonly #onRefused: () => void;
  #isShort = false;

  /** @param onRefused called for each one that finds no room */
  constructor(onFault: (fault: Error) => void, onRefused = () => {}, limit = descriptorLimit()) {
    this.#limit = limit;
    this.#reserve = Math.min(MAX_RESERVE, Math.ceil(limit / RESERVE_SHARE));
    this.#onFault = onFault;
    this.#onRefused = onRefused;
  }

  /** False: there is no room for this one, and it is gone. The kernel gives out the lowest number that is free. */
  admit(socket: Socket): boolean {
    const fd = (socket as Handled)._handle?.fd ?? -1;
    const left = this.#limit - fd;
    if (left > this.#reserve) {
      if (left > 2 * this.#reserve) this.#isShort = false;
      return true;
    }
    socket.destroy();
    this.#onRefused();
    if (this.#isShort) return false;
    this.#isShort = true;
    const text = `refused a connection: all but ${this.#reserve} of ${this.#limit} descriptors are in use, and those are for who is connected; raise the limit (ulimit -n, LimitNOFILE=)`;
    this.#onFault(new BridgeError('WIRE_FAULT', text));
    return false;
  }
}

type Handled = Socket & { readonly _handle?: { readonly fd?: number } | null };
