import path from 'node:path';
import { type Clock, systemClock } from '../../src/base/clock.ts';
import { silentLogger } from '../../src/base/log.ts';
import { parseEndpoint } from '../../src/endpoint/parse.ts';
import { openScreen, type Screen } from '../../src/screen/server.ts';
import { terminalSource } from '../../src/terminal/screen/source.ts';
import {
  type LoggedMessage,
  MAX_MESSAGES,
  type ScreenAction,
  type ScreenModel,
  type ScreenState,
} from '../../src/terminal/screen-model.ts';
import { memoryWirePair } from '../../src/wire/memory.ts';
import type { Wire } from '../../src/wire/wire.ts';
import type { LineMessage } from '../kit/application.ts';

/** What a quiet terminal with two cards shows. */
export const IDLE: ScreenState = {
  stage: 'idle',
  lines: ['Welcome'],
  cards: [
    {
      id: 'mastercard',
      name: 'Mastercard, contactless and chip',
      scheme: 'Mastercard',
      canTap: true,
      canInsert: true,
    },
    { id: 'debit', name: 'Visa Debit, chip with PIN', scheme: 'Visa', canTap: false, canInsert: true },
  ],
  isInteractive: true,
  receipts: [],
  registers: [],
};

/** A terminal whose display is set by hand. What people do is written down. */
export class ScriptedModel implements ScreenModel {
  state: ScreenState = IDLE;
  messages: readonly LoggedMessage[] = [];
  readonly actions: ScreenAction[] = [];
  readonly #watchers = new Set<() => void>();

  get watcherCount(): number {
    return this.#watchers.size;
  }

  watch(changed: () => void): () => void {
    this.#watchers.add(changed);
    return () => this.#watchers.delete(changed);
  }

  act(action: ScreenAction): void {
    this.actions.push(action);
  }

  /** Changes what is named, on top of the quiet terminal. */
  show(changes: Partial<ScreenState>): void {
    this.state = { ...IDLE, ...changes };
    this.#tell();
  }

  log(message: Partial<LoggedMessage>): void {
    const number = (this.messages.at(-1)?.number ?? 0) + 1;
    const whole: LoggedMessage = {
      number,
      time: '2030-01-01T12:00:00.000Z',
      channel: 'payment',
      connection: 'till-1.4711',
      direction: 'in',
      kind: 'request',
      method: 'Purchase',
      id: 'pos-1',
      text: '{}',
      ...message,
    };
    this.messages = [...this.messages, whole].slice(-MAX_MESSAGES);
    this.#tell();
  }

  #tell(): void {
    for (const changed of this.#watchers) changed();
  }
}

/** The page as the build has left it. */
export const PAGE_FOLDER = path.join(import.meta.dirname, '../../dist/screen');

/** Opens a screen on loopback, on a free port unless told otherwise. */
export function serveScreen(
  model: ScreenModel,
  {
    clock = systemClock,
    at = 'tcp:127.0.0.1:0',
    pictures,
  }: { readonly clock?: Clock; readonly at?: string; readonly pictures?: string } = {},
): Promise<Screen> {
  const endpoint = parseEndpoint(at, 'listen');
  if (endpoint.kind !== 'tcp') throw new TypeError(`${at} is not tcp:`);
  const options = { clock, log: silentLogger, pageFolder: PAGE_FOLDER, pictures };
  return openScreen(endpoint, terminalSource(model), options);
}

/** A register behind a bridge, without either: its end of an attachment to a terminal. */
export class Till {
  readonly #connection: string;
  readonly #wire: Wire;
  readonly #waiting = new Map<string, (answer: LineMessage) => void>();
  #count = 0;

  constructor(terminal: { attach(wire: Wire): void }, connection = 'till-1.4711') {
    const [ours, theirs] = memoryWirePair();
    this.#connection = connection;
    this.#wire = ours;
    let text = '';
    ours.start({
      chunk: (bytes) => {
        const lines = (text + bytes).split('\n');
        text = lines.pop() ?? '';
        for (const line of lines) this.#receive(JSON.parse(line));
      },
      end: () => {},
      closed: () => {},
    });
    terminal.attach(theirs);
    const params = { connection, dialect: 'jsonpos', peer: '192.0.2.7' };
    this.#write({ method: '_Connected', params });
  }

  /** Resolves with the answer. */
  request(method: string, params: object): Promise<LineMessage> {
    this.#count += 1;
    const id = `pos-${this.#count}`;
    const answer = new Promise<LineMessage>((resolve) => this.#waiting.set(id, resolve));
    this.#write({ id, method, params });
    return answer;
  }

  purchase(amount: number): Promise<LineMessage> {
    const identifiers = { receipt_id: `r-${this.#count}`, sequence_id: '1' };
    return this.request('Purchase', { ...identifiers, amount, currency: 'EUR', cashier_language: 'en' });
  }

  #write(message: object): void {
    const line = `${JSON.stringify({ connection: this.#connection, jsonrpc: '2.0', ...message })}\n`;
    this.#unwritten = this.#unwritten.then(
      () => new Promise((resolve) => this.#wire.write(Buffer.from(line), () => resolve())),
    );
  }

  /** One write at a time. */
  #unwritten: Promise<void> = Promise.resolve();

  #receive(message: LineMessage): void {
    if (message.method === undefined && message.id !== undefined) this.#waiting.get(message.id)?.(message);
  }
}
