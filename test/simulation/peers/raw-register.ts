import type { End } from '../world/network.ts';
import type { Process } from '../world/process.ts';
import { Outgoing } from './outgoing.ts';

export interface Message {
  readonly id?: string;
  readonly method?: string;
  readonly params?: { readonly [name: string]: unknown };
  readonly result?: { readonly [name: string]: unknown };
  readonly error?: { readonly data?: { readonly [name: string]: unknown } };
}

const HEAD_BYTES = 9;

/**
 * A JSONPOS connection of a register that speaks for itself: no code of src/, so that the product is not checked
 * against itself.
 */
export class RawConnection {
  readonly #end: End;
  readonly #process: Process;
  readonly #pending = new Map<string, (message: Message | undefined) => void>();
  #rest = Buffer.alloc(0);
  readonly #output: Outgoing;
  #isOpen = true;
  #hasHeard = false;
  /** What the bridge said when it closed. */
  closeReason: string | undefined;

  constructor(process: Process, end: End) {
    this.#process = process;
    this.#end = end;
    this.#output = new Outgoing(end);
    end.start({
      chunk: (bytes) => this.#receive(bytes),
      end: () => this.close(),
      closed: () => this.#lost(),
    });
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Whether anything came: a bridge is there once its journal is open, which takes as long as its disk takes. */
  get hasHeard(): boolean {
    return this.#hasHeard;
  }

  /** Undefined: the connection ended before. */
  request(method: string, params: object, id: string): Promise<Message | undefined> {
    return new Promise((resolve) => {
      if (!this.#isOpen) {
        resolve(undefined);
        return;
      }
      this.#pending.set(id, resolve);
      this.#send({ jsonrpc: '2.0', id, method, params });
    });
  }

  notify(method: string, params: object): void {
    this.#send({ jsonrpc: '2.0', method, params });
  }

  close(): void {
    this.#end.destroy();
    this.#lost();
  }

  #lost(): void {
    this.#isOpen = false;
    this.#output.close();
    for (const resolve of this.#pending.values()) resolve(undefined);
    this.#pending.clear();
  }

  #receive(bytes: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, bytes]);
    while (this.#rest.length >= HEAD_BYTES) {
      const head = this.#rest.toString('latin1', 0, HEAD_BYTES);
      if (!/^[0-9a-f]{8}:$/.test(head)) throw new Error(`a register got no frame: ${JSON.stringify(head)}`);
      const length = Number.parseInt(head, 16);
      if (this.#rest.length < HEAD_BYTES + length + 1) return;
      const text = this.#rest.toString('latin1', HEAD_BYTES, HEAD_BYTES + length);
      this.#rest = this.#rest.subarray(HEAD_BYTES + length + 1);
      this.#hear(JSON.parse(text));
    }
  }

  #hear(message: Message): void {
    this.#hasHeard = true;
    const { id, method, params } = message;
    if (method === '_CloseReason') {
      const error = params?.['error'] as Message['error'];
      this.closeReason = String(error?.data?.['string_code']);
    } else if (method !== undefined && id !== undefined) {
      this.#send({ jsonrpc: '2.0', response_to: method, id, result: {} });
    } else if (id !== undefined) {
      const resolve = this.#pending.get(id);
      this.#pending.delete(id);
      resolve?.(message);
    }
  }

  #send(message: object): void {
    const text = JSON.stringify(message);
    this.#output.push(Buffer.from(`${text.length.toString(16).padStart(8, '0')}:${text}\n`));
  }

  get process(): Process {
    return this.#process;
  }
}
