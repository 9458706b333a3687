import { randomInt } from 'node:crypto';
import { afterSilence, type Timer } from '../../base/clock.ts';
import type { CloseReason } from '../../base/close-reason.ts';
import type { Conversation, ConversationHost } from '../dialect.ts';
import { AskingConversation, type AskingOptions } from './asking-conversation.ts';
import { encodeDocument, field, REQUEST_ROOT, type ScaDocument, textOf } from './document.ts';
import { DocumentReader } from './document-reader.ts';
import { makeKeys, type PairingStore, type Registration, readMacKey, Signer } from './pairing-store.ts';
import { readCounter } from './registrations.ts';
import { isDone } from './said.ts';

const MAX_CHARACTERS = 262_144;
const ANSWER_MS = 10_000;
/** Somebody has to walk to the terminal and type a code. */
const TYPE_MS = 180_000;

/**
 * The beginning of a TCP connection to a terminal: the register proves who it is.
 *
 *   registered ──GET_COUNTER: its counter──▶ asking
 *   registered ──GET_COUNTER: no such label──▶ registering
 *   registering ──REGISTER: somebody has typed our code──▶ asking
 *   any ──refused, or no answer in time──▶ over
 */
export class PairingConversation implements Conversation {
  readonly #host: ConversationHost;
  readonly #store: PairingStore | undefined;
  readonly #options: AskingOptions;
  readonly #reader = new DocumentReader({ maxCharacters: MAX_CHARACTERS });
  #answered: ((response: ScaDocument) => void) | undefined;
  #timer: Timer | undefined;
  #asking: AskingConversation | undefined;
  #isOver = false;

  constructor(host: ConversationHost, store: PairingStore | undefined, options: AskingOptions) {
    this.#host = host;
    this.#store = store;
    this.#options = options;
    const registration = store?.registration;
    if (registration === undefined) void this.#register();
    else this.#findCounter(registration);
  }

  receive(chunk: Buffer): void {
    if (this.#asking !== undefined) {
      this.#asking.receive(chunk);
      return;
    }
    this.#reader.push(chunk, {
      document: (document) => {
        const answered = this.#answered;
        this.#answered = undefined;
        this.#timer?.cancel();
        answered?.(document);
      },
      rejected: (why) => this.#fail(why),
    });
  }

  endOfInput(): void {
    if (this.#asking !== undefined) this.#asking.endOfInput();
    else this.#finish({ code: 'CONNECTION_CLOSED', text: 'the terminal has closed', by: 'peer' }, 'ended');
  }

  congested(): void {}

  lost(reason: CloseReason): void {
    if (this.#asking !== undefined) this.#asking.lost(reason);
    else this.#finish(reason, 'lost');
  }

  #findCounter(registration: Registration): void {
    const fields = [
      field('FUNCTION_TYPE', 'ADMIN'),
      field('COMMAND', 'GET_COUNTER'),
      field('MAC_LABEL', registration.label),
    ];
    this.#ask(fields, ANSWER_MS, (response) => {
      const counter = readCounter(textOf(response, 'COUNTER')?.trim() ?? '');
      if (isDone(response)) this.#begin(registration, counter ?? 0);
      else void this.#register();
    });
  }

  async #register(): Promise<void> {
    if (this.#store === undefined) {
      this.#fail(
        'a register has to pair with this terminal, and there is no folder to remember it in: give --terminal-store DIR',
      );
      return;
    }
    const { publicKey, privateKey } = await makeKeys();
    if (this.#isOver) return;
    const code = String(randomInt(10_000)).padStart(4, '0');
    this.#host.log.warn('pairing with the terminal: type this code there', { 'what to type': code });
    const fields = [
      field('FUNCTION_TYPE', 'SECURITY'),
      field('COMMAND', 'REGISTER'),
      field('KEY', publicKey),
      field('ENTRY_CODE', code),
      field('REG_VER', '1'),
    ];
    this.#ask(fields, TYPE_MS, (response) => {
      const label = textOf(response, 'MAC_LABEL')?.trim() ?? '';
      const key = readMacKey(textOf(response, 'MAC_KEY') ?? '', privateKey);
      if (!isDone(response) || key === undefined || label === '') {
        this.#fail(`the terminal does not pair: ${textOf(response, 'RESPONSE_TEXT') ?? 'no key'}`);
        return;
      }
      const registration: Registration = { label, key };
      const begin = () => this.#begin(registration, 0);
      void this.#store?.save(registration).then(begin, begin);
    });
  }

  #begin(registration: Registration, counter: number): void {
    if (this.#isOver) return;
    const signer = new Signer(registration, counter);
    this.#asking = new AskingConversation(this.#host, 'stream', {
      ...this.#options,
      sign: (fields) => signer.sign(fields),
    });
  }

  #ask(fields: ScaDocument['fields'], limitMs: number, answered: (response: ScaDocument) => void): void {
    this.#answered = answered;
    this.#timer = afterSilence(this.#host.clock, limitMs, () => this.#fail('the terminal does not answer'));
    this.#host.send(encodeDocument({ root: REQUEST_ROOT, fields }), 'normal');
  }

  #fail(why: string): void {
    if (this.#isOver) return;
    this.#host.log.error('the terminal cannot be asked', { why });
    this.#finish({ code: 'CONNECTION_CLOSED', text: why, by: 'us' }, 'ended');
  }

  #finish(reason: CloseReason, how: 'ended' | 'lost'): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#timer?.cancel();
    this.#reader.stop();
    this.#host.finished(reason, how);
  }
}
