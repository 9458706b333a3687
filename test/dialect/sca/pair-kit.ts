import type { CloseReason } from '../../../src/base/close-reason.ts';
import { silentLogger } from '../../../src/base/log.ts';
import { Statistics } from '../../../src/base/statistics.ts';
import type {
  Beside,
  BesideEvents,
  ConversationHost,
  PeerAnswer,
  PeerConnection,
} from '../../../src/dialect/dialect.ts';
import { AskingConversation } from '../../../src/dialect/sca/asking-conversation.ts';
import { encodeDocument, field } from '../../../src/dialect/sca/document.ts';
import { TerminalMemo } from '../../../src/dialect/sca/terminal-memo.ts';
import { FakeClock } from '../../kit/fake-clock.ts';
import { readStream } from './document-kit.ts';
import { type Any, type Fields, fieldsOf } from './kit.ts';

/** The terminal's secondary port. */
export class PlayedBeside implements Beside {
  readonly port: number | 'next';
  readonly events: BesideEvents;
  readonly asked: Fields[] = [];
  isClosed = false;

  constructor(port: number | 'next', events: BesideEvents) {
    this.port = port;
    this.events = events;
  }

  send(bytes: Uint8Array): void {
    for (const document of readStream([Buffer.from(bytes)]))
      if (typeof document !== 'string') this.asked.push(fieldsOf(document));
  }

  close(): void {
    this.isClosed = true;
  }

  say(fields: Fields): void {
    const all = Object.entries(fields).map(([name, text]) => field(name, text));
    this.events.received(encodeDocument({ root: 'RESPONSE', fields: all }));
  }
}

/** The asking end with a terminal that the test plays. */
export class AskingBench {
  readonly clock: FakeClock;
  readonly memo: TerminalMemo;
  readonly asked: Fields[] = [];
  readonly told: { readonly method: string; readonly params: Any }[] = [];
  readonly conversation: AskingConversation;
  finished: { reason: CloseReason; how: string } | undefined;
  beside: PlayedBeside | undefined;
  #peer: PeerConnection | undefined;

  constructor(
    options: {
      memo?: TerminalMemo;
      clock?: FakeClock;
      currency?: string;
      mark?: string;
      secondaryPort?: number | 'next';
    } = {},
  ) {
    const {
      memo = new TerminalMemo(),
      clock = new FakeClock(),
      currency,
      mark = 'x',
      secondaryPort,
    } = options;
    this.memo = memo;
    this.clock = clock;
    const host: ConversationHost = {
      clock,
      log: silentLogger,
      statistics: new Statistics(),
      randomId: () => mark,
      send: (frame) => {
        for (const document of readStream([Buffer.from(frame)]))
          this.asked.push(typeof document === 'string' ? { broken: document } : fieldsOf(document));
      },
      discardOutput() {},
      beside: (port, events) => {
        this.beside = new PlayedBeside(port, events);
        return this.beside;
      },
      opened: (peer) => {
        this.#peer = peer;
        return {
          request: () => {},
          notification: ({ method, params }) =>
            this.told.push({ method, params: JSON.parse(params.toString()) }),
          inputEnded: () => {},
          closed: () => {},
        };
      },
      finished: (reason, how) => {
        this.finished = { reason, how };
      },
    };
    this.conversation = new AskingConversation(host, 'messages', {
      memo,
      currency,
      hostTimeoutMs: 150_000,
      secondaryPort,
    });
  }

  get last(): Fields {
    return this.asked.at(-1) ?? {};
  }

  /** The answer appears in what this returns. */
  request(method: string, params: object): { answer?: { kind: string; json: Any; lost: boolean } } {
    const asked: { answer?: { kind: string; json: Any; lost: boolean } } = {};
    const settle = ({ kind, text, lost }: PeerAnswer) => {
      if (asked.answer !== undefined) throw new Error('settled twice');
      asked.answer = { kind, json: JSON.parse(text.toString()), lost: lost !== undefined };
    };
    this.#peer?.request(JSON.stringify(method), Buffer.from(JSON.stringify(params)), settle);
    return asked;
  }

  say(fields: Fields): void {
    const all = Object.entries(fields).map(([name, text]) => field(name, text));
    this.conversation.receive(encodeDocument({ root: 'RESPONSE', fields: all }));
  }

  /** Answers the request that came last, or another one. */
  answer(fields: Fields, asked: Fields = this.last): void {
    this.say({ ...fields, ...(asked['POS_RECON'] !== undefined && { POS_RECON: asked['POS_RECON'] }) });
  }

  lose(): void {
    this.conversation.lost({ code: 'CONNECTION_CLOSED', text: 'cut', by: 'wire' });
  }
}

export const DONE: Fields = {
  RESPONSE_TEXT: 'done',
  RESULT: 'OK',
  RESULT_CODE: '-1',
  TERMINATION_STATUS: 'SUCCESS',
};
export const BUSY: Fields = {
  RESPONSE_TEXT: 'DEVICE IS BUSY',
  RESULT: 'BUSY',
  RESULT_CODE: '59002',
  TERMINATION_STATUS: 'FAILURE',
};
export const APPROVED: Fields = {
  RESPONSE_TEXT: 'APPROVED',
  RESULT: 'APPROVED',
  RESULT_CODE: '5',
  TERMINATION_STATUS: 'SUCCESS',
  AUTH_CODE: 'TA1260',
  CTROUTD: '45',
  APPROVED_AMOUNT: '5.35',
  ACCT_NUM: '************1111',
};
export const DECLINED: Fields = {
  RESPONSE_TEXT: 'Declined',
  RESULT: 'Declined',
  RESULT_CODE: '6',
  TERMINATION_STATUS: 'SUCCESS',
};
export const SALE = { receipt_id: '1001', sequence_id: '1', amount: 535, currency: 'USD' };
