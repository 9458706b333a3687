import { EventEmitter } from 'node:events';
import { describe, expect, test } from 'vitest';
import type { CloseReason } from '../../../src/base/close-reason.ts';
import type { Knock } from '../../../src/base/knock.ts';
import { silentLogger } from '../../../src/base/log.ts';
import { Statistics } from '../../../src/base/statistics.ts';
import type { Conversation, ConversationHost, Dialect } from '../../../src/dialect/dialect.ts';
import { Broker, type BrokerOptions } from '../../../src/dialect/sca/broker.ts';
import { encodeDocument, field } from '../../../src/dialect/sca/document.ts';
import { readLegacyPlace } from '../../../src/dialect/sca/legacy.ts';
import { terminalWishes } from '../../../src/dialect/sca/wishes.ts';
import { Pings } from '../../../src/wire/ws-pings.ts';
import type { PatientWebSocket } from '../../../src/wire/ws-socket.ts';
import { FakeClock } from '../../kit/fake-clock.ts';
import { readStream } from './document-kit.ts';
import { type Fields, fieldsOf, PairedRegister, PUBLIC_KEY, requestXml } from './kit.ts';
import { APPROVED, DONE } from './pair-kit.ts';

const OPTIONS: BrokerOptions = {
  omitsSubprotocol: false,
  takesUnnamed: false,
  mendsHeaders: false,
  hostTimeoutMs: 150_000,
  legacy: [{ pinpad: 'T-1', primary: 'tcp:127.0.0.1:5015', secondary: 'tcp:127.0.0.1:5016' }],
  server: 'posbridge',
};
const broker = (more: Partial<BrokerOptions> = {}) => new Broker({ ...OPTIONS, ...more });

const knock = (headers: Knock['headers'], subprotocols: readonly string[] = ['sci']): Knock => ({
  path: '',
  rawPath: '/',
  subprotocols,
  headers,
  isEncrypted: false,
});

/** One connection to the broker. */
class Connected {
  readonly sent: Fields[] = [];
  finished: { reason: CloseReason; how: string } | undefined;
  readonly conversation: Conversation;

  constructor(dialect: Dialect, identity: string | undefined, clock = new FakeClock()) {
    let ids = 0;
    const host: ConversationHost = {
      clock,
      log: silentLogger,
      statistics: new Statistics(),
      identity,
      randomId: () => `x${++ids}`,
      send: (frame) => {
        for (const document of readStream([Buffer.from(frame)]))
          if (typeof document !== 'string') this.sent.push(fieldsOf(document));
      },
      discardOutput() {},
      opened: () => ({ request: () => {}, notification: () => {}, inputEnded: () => {}, closed: () => {} }),
      finished: (reason, how) => {
        this.finished = { reason, how };
      },
    };
    const options = { maxFrameBytes: 262_144, keepalive: 'off', sync: false } as const;
    this.conversation = dialect.converse(host, identity === undefined ? 'stream' : 'messages', options);
  }

  get last(): Fields {
    return this.sent.at(-1) ?? {};
  }

  answer(fields: Fields, to: Fields = this.last): void {
    const all = { ...fields, ...(to['POS_RECON'] !== undefined && { POS_RECON: to['POS_RECON'] }) };
    const document = {
      root: 'RESPONSE',
      fields: Object.entries(all).map(([name, text]) => field(name, text)),
    };
    this.conversation.receive(encodeDocument(document));
  }

  ask(functionType: string, command: string, fields: Fields = {}): void {
    this.conversation.receive(requestXml(functionType, command, fields));
  }
}

describe('terminals knock', () => {
  test('and are known by x-vfi-pinpad-id; sci is repeated where it was offered', () => {
    expect(broker().admit(knock({ 'x-vfi-pinpad-id': ['1'] }))).toMatchObject({
      identity: '1',
      subprotocol: 'sci',
    });
    const none = broker().admit(knock({ 'x-vfi-pinpad-id': ['1'] }, []));
    expect(none).toMatchObject({ identity: '1' });
    expect(none).not.toHaveProperty('subprotocol');
    expect(broker().admit(knock({ 'x-vfi-pinpad-id': ['1'] }, ['other', 'sci']))).toMatchObject({
      subprotocol: 'sci',
    });
  });

  test('without repeating sci, where it is to be left out', () => {
    const answer = broker({ omitsSubprotocol: true }).admit(knock({ 'x-vfi-pinpad-id': ['1'] }));
    expect(answer).not.toHaveProperty('subprotocol');
  });

  test('and are answered with Date and Server, as in the sample of the documentation', () => {
    const { headers } = broker().admit(knock({ 'x-vfi-pinpad-id': ['1'] }));
    expect(headers).toMatchObject({ Server: 'posbridge', Date: expect.stringMatching(/ GMT$/) });
  });

  test('without an id, with two, and with one that is none: 400, unless unnamed ones are taken', () => {
    for (const headers of [
      {},
      { 'x-vfi-pinpad-id': [''] },
      { 'x-vfi-pinpad-id': ['1', '2'] },
      { 'x-vfi-pinpad-id': ['a b'] },
    ])
      expect(broker().admit(knock(headers))).toMatchObject({ status: 400 });
    expect(broker({ takesUnnamed: true }).admit(knock({}))).not.toHaveProperty('status');
    expect(broker().admit(knock({ 'x-vfi-pinpad-id': ['1', '1'] }))).toMatchObject({ identity: '1' });
  });

  test('twice: the newest connection is the live one, and the older one is closed', () => {
    const one = broker();
    const older = new Connected(one.dialect, 'T-1');
    const newer = new Connected(one.dialect, 'T-1');
    expect(older.finished).toMatchObject({
      how: 'ended',
      reason: { text: 'the terminal has connected again' },
    });
    expect(newer.finished).toBeUndefined();
    expect(one.terminal('T-1')).toBe(newer.conversation);
    older.conversation.lost({ code: 'CONNECTION_CLOSED', text: 'gone', by: 'peer' });
    expect(one.terminal('T-1')).toBe(newer.conversation);
    newer.conversation.lost({ code: 'CONNECTION_CLOSED', text: 'gone', by: 'peer' });
    expect(one.terminal('T-1')).toBeUndefined();
  });
});

describe('registers that know only TCP', () => {
  const opened = () => {
    const one = broker();
    const [primary, secondary] = one.dialect.beside ?? [];
    if (primary === undefined || secondary === undefined) throw new Error('no listeners');
    return { one, primary, secondary };
  };

  test('find a terminal at its two ports, which is spoken to through its one connection', () => {
    const { one, primary, secondary } = opened();
    expect([primary.listen, secondary.listen]).toEqual(['tcp:127.0.0.1:5015', 'tcp:127.0.0.1:5016']);
    const terminal = new Connected(one.dialect, 'T-1');
    const register = new Connected(primary.dialect, undefined);
    const other = new Connected(secondary.dialect, undefined);
    register.ask('PAYMENT', 'CAPTURE', {
      TRANS_AMOUNT: '5.35',
      POS_RECON: 'r1',
      COUNTER: '9',
      MAC: 'x',
      MAC_LABEL: 'y',
    });
    const capture = terminal.last;
    expect(capture).toEqual({
      FUNCTION_TYPE: 'PAYMENT',
      COMMAND: 'CAPTURE',
      TRANS_AMOUNT: '5.35',
      POS_RECON: 'r1',
    });
    other.ask('SECONDARYPORT', 'STATUS');
    terminal.answer({ ...DONE, SECONDARY_DATA: '15' });
    terminal.answer(APPROVED, capture);
    expect(other.sent).toEqual([{ ...DONE, SECONDARY_DATA: '15' }]);
    expect(register.sent).toEqual([{ ...APPROVED, POS_RECON: 'r1', COUNTER: '9' }]);
  });

  test('are told busy at once while another primary request is under way', () => {
    const { one, primary } = opened();
    const terminal = new Connected(one.dialect, 'T-1');
    const register = new Connected(primary.dialect, undefined);
    register.ask('DEVICE', 'VERSION');
    register.ask('SESSION', 'START', { INVOICE: '1', POS_RECON: 'r2' });
    expect(register.sent).toMatchObject([{ RESULT_CODE: '59002', POS_RECON: 'r2' }]);
    expect(terminal.sent).toHaveLength(1);
  });

  test('are told that the terminal is not connected, where nothing has left', () => {
    const { primary } = opened();
    const register = new Connected(primary.dialect, undefined);
    register.ask('SESSION', 'START', { INVOICE: '1' });
    expect(register.last).toMatchObject({
      TERMINATION_STATUS: 'FAILURE',
      RESPONSE_TEXT: 'The terminal is not connected',
    });
  });

  test('get the response after the terminal has connected again, and nothing invented before', () => {
    const { one, primary } = opened();
    const first = new Connected(one.dialect, 'T-1');
    const register = new Connected(primary.dialect, undefined);
    register.ask('PAYMENT', 'CAPTURE', { TRANS_AMOUNT: '5.35', POS_RECON: 'r1' });
    const capture = first.last;
    first.conversation.lost({ code: 'CONNECTION_CLOSED', text: 'gone', by: 'peer' });
    register.conversation.endOfInput();
    expect(register.sent).toEqual([]);
    expect(register.finished).toBeUndefined();
    new Connected(one.dialect, 'T-1').answer(APPROVED, capture);
    expect(register.sent).toEqual([{ ...APPROVED, POS_RECON: 'r1' }]);
    expect(register.finished).toMatchObject({ how: 'ended' });
  });

  test('pair with the broker, because the terminal behind it knows no keys', () => {
    const { one, primary } = opened();
    const terminal = new Connected(one.dialect, 'T-1');
    const register = new Connected(primary.dialect, undefined);
    register.ask('SECURITY', 'REGISTER', { KEY: PUBLIC_KEY, ENTRY_CODE: '1234' });
    const paired = new PairedRegister(register.last);
    register.ask('SESSION', 'START', { INVOICE: '1', ...paired.auth(7) });
    expect(terminal.last).toEqual({
      FUNCTION_TYPE: 'SESSION',
      COMMAND: 'START',
      INVOICE: '1',
      POS_RECON: expect.anything(),
    });
    terminal.answer(DONE);
    register.ask('ADMIN', 'GET_COUNTER', { MAC_LABEL: paired.label });
    expect(register.last).toMatchObject({ COUNTER: '7' });
    expect(terminal.sent).toHaveLength(1);
  });

  test('are named on the command line as PINPAD=tcp:HOST:PRIMARY,SECONDARY', () => {
    expect(readLegacyPlace('1=tcp:127.0.0.1:5015,5016')).toEqual({
      pinpad: '1',
      primary: 'tcp:127.0.0.1:5015',
      secondary: 'tcp:127.0.0.1:5016',
    });
    expect(readLegacyPlace('T-1=tcp:[::1]:5015')).toMatchObject({
      primary: 'tcp:[::1]:5015',
      secondary: undefined,
    });
    for (const text of ['', '1', 'tcp:127.0.0.1:5015', '1=ws://x/', '1=tcp:5015', '1=tcp:h:1,2,3'])
      expect(readLegacyPlace(text)).toBeUndefined();
  });
});

describe('the link of a terminal', () => {
  /** A WebSocket on which the test is the other end. */
  function linked() {
    const clock = new FakeClock();
    const events = new EventEmitter();
    const pings: number[] = [];
    const socket = Object.assign(events, {
      OPEN: 1,
      readyState: 1,
      isPaused: false,
      ping: () => pings.push(clock.nowMs()),
    });
    const silent: number[] = [];
    const { pingMs = 0 } = terminalWishes({});
    new Pings(socket as unknown as PatientWebSocket, clock, pingMs, () => silent.push(clock.nowMs()));
    return { clock, socket, pings, silent };
  }

  test('is asked for a sign of life every 45 s, and stays up as long as one comes', () => {
    const { clock, socket, pings, silent } = linked();
    for (let turn = 0; turn < 10; turn += 1) {
      clock.advance(45_000);
      socket.emit('pong');
    }
    expect(pings).toHaveLength(10);
    expect(silent).toEqual([]);
  });

  test('that is half open is found out by the next ping, and not while nothing is read', () => {
    const { clock, socket, silent } = linked();
    clock.advance(45_000);
    socket.isPaused = true;
    clock.advance(45_000);
    expect(silent).toEqual([]);
    socket.isPaused = false;
    clock.advance(45_000);
    expect(silent).toHaveLength(1);
  });

  test('has no pings where they are turned off', () => {
    expect(terminalWishes({ pingS: 0 }).pingMs).toBeUndefined();
  });
});
