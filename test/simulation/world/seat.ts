import { constants as bufferConstants, isAscii, isUtf8, Buffer as RealBuffer } from 'node:buffer';
import { getEventListeners, once, setMaxListeners } from 'node:events';
import { BlockList, isIP, isIPv4, isIPv6 } from 'node:net';
import * as path from 'node:path';
import { inspect, parseArgs, promisify } from 'node:util';
import { crc32 } from 'node:zlib';
import type { Realm } from './realm.ts';

/** What depends on nothing but its arguments. */
const PURE = {
  'node:buffer': { Buffer: RealBuffer, constants: bufferConstants, isAscii, isUtf8 },
  'node:events': { getEventListeners, once, setMaxListeners },
  'node:path': path,
  'node:util': { inspect, parseArgs, promisify },
  'node:zlib': { crc32 },
  'node:net': { isIP, isIPv4, isIPv6, BlockList },
  'node:tty': { isatty: () => false },
};

/**
 * Stands between a loaded copy of the code under test and the realm of the process that runs in it at present. To load
 * the code for every process anew would be to interpret it cold for ever: a copy is used again, once it has forgotten
 * all that it kept.
 */
export class Seat {
  /** What the code is loaded with. */
  readonly realm: object;
  readonly #resets: (() => void)[] = [];
  #present: Realm;

  /** @param first shows what a realm has */
  constructor(first: Realm) {
    this.#present = first;
    const present = () => this.#present;
    const own = Object.entries(first.modules).map(([name, module]) => [
      name,
      forwarded(module, () => present().modules[name] ?? {}),
    ]);
    const require = Object.assign((name: string) => present().require(name), {
      resolve: (name: string) => name,
    });
    this.realm = {
      ...forwarded(first, present),
      get process() {
        return present().process;
      },
      Date: class extends Date {
        constructor(...given: [] | [string | number]) {
          if (given.length === 0) super(present().now());
          else super(given[0]);
        }

        static override now(): number {
          return present().now();
        }
      },
      modules: {
        ...PURE,
        ...Object.fromEntries(own),
        'node:module': { createRequire: () => require },
      },
      resets: this.#resets,
    };
  }

  /** From now on the code runs for another process; nothing of the one before it is remembered. */
  take(realm: Realm): void {
    this.#present = realm;
    for (const reset of this.#resets) reset();
  }
}

/** Functions of these names, each of which calls the one of the present object. */
function forwarded(template: object, present: () => object): Record<string, unknown> {
  const functions = Object.entries(template).filter(([, member]) => typeof member === 'function');
  const call = (name: string, given: readonly unknown[]) => {
    const member: unknown = Reflect.get(present(), name);
    return (member as (...given: readonly unknown[]) => unknown)(...given);
  };
  return {
    ...template,
    ...Object.fromEntries(functions.map(([name]) => [name, (...given: unknown[]) => call(name, given)])),
  };
}
