import type { CloseReason } from '../../base/close-reason.ts';
import type { Conversation, ConversationHost, Dialect } from '../dialect.ts';
import { NO_MONEY } from '../no-money.ts';
import type { AskingConversation } from './asking-conversation.ts';
import { DEFAULT_ASSUMPTIONS } from './assumptions.ts';
import { encodeDocument, field, type ScaDocument, textOf } from './document.ts';
import { DocumentReader } from './document-reader.ts';
import { forgetfulMemory } from './memory.ts';
import { answerSecurity } from './pairing.ts';
import { readRequest, type ScaRequest } from './request.ts';
import { BUSY, OK, rejected, responseOf, UNKNOWN_LABEL } from './responses.ts';
import { TerminalEnd } from './terminal-end.ts';

/** A terminal for registers that know only TCP: `--for PINPAD=tcp:HOST:PRIMARY,SECONDARY`. */
export interface LegacyPlace {
  readonly pinpad: string;
  readonly primary: string;
  readonly secondary: string | undefined;
}

const MAX_CHARACTERS = 262_144;

/** Reads `PINPAD=tcp:127.0.0.1:5015,5016`. Undefined: it is something else. */
export function readLegacyPlace(text: string): LegacyPlace | undefined {
  const [, pinpad, start, primary, secondary] =
    /^([A-Za-z0-9._:-]{1,64})=(tcp:.+:)(\d{1,5})(?:,(\d{1,5}))?$/.exec(text) ?? [];
  if (pinpad === undefined || start === undefined || primary === undefined) return undefined;
  return {
    pinpad,
    primary: `${start}${primary}`,
    secondary: secondary === undefined ? undefined : `${start}${secondary}`,
  };
}

/** What stands at a terminal's ports in its place. */
export class LegacyTerminal {
  readonly #find: () => AskingConversation | undefined;
  /** The registers pair with us: the terminal behind the broker knows no keys. */
  readonly #end = new TerminalEnd({
    currency: 'USD',
    authentication: 'required',
    assumed: DEFAULT_ASSUMPTIONS,
    memory: forgetfulMemory(),
    pairsAlone: true,
    dials: false,
    webSocket: { subprotocol: undefined, isBinary: false },
  });

  /** @param find the terminal's connection, while it has one. */
  constructor(find: () => AskingConversation | undefined) {
    this.#find = find;
  }

  get dialect(): Dialect {
    return {
      name: 'sca',
      routes: {},
      transactions: NO_MONEY,
      converse: (host) => new LegacyConversation(host, this),
    };
  }

  /** Has a request obeyed. `answer` may come late, or never: what became of it is then not known. */
  obey(request: ScaRequest, document: ScaDocument, answer: (response: ScaDocument) => void): void {
    const { assumed } = this.#end.options;
    const { functionType, command, macLabel, echo } = request;
    if (functionType === 'SECURITY') {
      answerSecurity(request, this.#end, (_length, typed) => typed(undefined), answer);
      return;
    }
    if (command === 'GET_COUNTER' && macLabel !== undefined) {
      const counter = this.#end.registrations.counterOf(macLabel);
      const found = counter !== undefined;
      answer(responseOf(found ? OK : UNKNOWN_LABEL, found ? [field('COUNTER', `${counter}`)] : []));
      return;
    }
    // Only the counter is kept: who may reach the port may use the terminal.
    this.#end.registrations.verify(macLabel, echo.counter, request.mac);
    const terminal = this.#find();
    if (terminal === undefined)
      answer(responseOf(rejected(assumed, 'The terminal is not connected'), [], echo));
    else if (request.rules.isSecondary !== true && terminal.isBusy) answer(responseOf(BUSY, [], echo));
    else {
      terminal.pass(document, (response) => {
        if (response === undefined) answer(responseOf(rejected(assumed, 'The terminal is gone'), [], echo));
        else answer(withCounter(response, echo.counter));
      });
    }
  }
}

/** Registers expect their COUNTER to be repeated. */
function withCounter({ root, fields }: ScaDocument, counter: string | undefined): ScaDocument {
  const has = textOf({ root, fields }, 'COUNTER') !== undefined;
  return { root, fields: counter === undefined || has ? fields : [...fields, field('COUNTER', counter)] };
}

/** One TCP connection of such a register, to either port. */
class LegacyConversation implements Conversation {
  readonly #host: ConversationHost;
  readonly #terminal: LegacyTerminal;
  readonly #reader = new DocumentReader({ maxCharacters: MAX_CHARACTERS });
  /** Requests that are not answered. */
  #open = 0;
  #hasInputEnded = false;
  #isOver = false;

  constructor(host: ConversationHost, terminal: LegacyTerminal) {
    this.#host = host;
    this.#terminal = terminal;
  }

  get isInsideMessage(): boolean {
    return this.#reader.isInside;
  }

  get messagesHeard(): number {
    return this.#reader.documents;
  }

  receive(chunk: Buffer): void {
    if (this.#isOver) return;
    this.#reader.push(chunk, {
      document: (document) => this.#document(document),
      rejected: (why) => {
        this.#host.log.warn('the register broke the protocol', { why });
        this.#finish({ code: 'PROTOCOL_ERROR', text: why, by: 'us' }, 'broken');
      },
    });
  }

  endOfInput(): void {
    this.#hasInputEnded = true;
    this.#endIfDone();
  }

  congested(): void {}

  lost(reason: CloseReason): void {
    this.#finish(reason, 'lost');
  }

  stop(): void {
    this.#finish({ code: 'CONNECTION_CLOSED', text: 'the bridge is being stopped', by: 'us' }, 'ended');
  }

  #document(document: ScaDocument): void {
    const read = readRequest(document);
    if (!read.ok) {
      this.#answer(responseOf(rejected(DEFAULT_ASSUMPTIONS, read.why), [], read.echo));
      return;
    }
    this.#open += 1;
    this.#terminal.obey(read.request, document, (response) => {
      this.#open -= 1;
      this.#answer(response);
      this.#endIfDone();
    });
  }

  #answer(response: ScaDocument): void {
    if (!this.#isOver) this.#host.send(encodeDocument(response), 'normal');
  }

  #endIfDone(): void {
    if (!this.#hasInputEnded || this.#open > 0) return;
    this.#finish(
      { code: 'CONNECTION_CLOSED', text: 'the register has closed its output', by: 'peer' },
      'ended',
    );
  }

  #finish(reason: CloseReason, how: 'ended' | 'broken' | 'lost'): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#reader.stop();
    this.#host.finished(reason, how);
  }
}
