import { beforeEach, describe, expect, test } from 'vitest';
import { silentLogger as log } from '../../src/base/log.ts';
import type { ScreenAction, ScreenModel } from '../../src/terminal/screen-model.ts';
import { Terminal } from '../../src/terminal/terminal.ts';
import { FakeClock } from '../kit/fake-clock.ts';
import { Attached, pass, purchase, settled } from './kit.ts';

let clock: FakeClock;
let screen: ScreenModel;
let register: Attached;

beforeEach(() => {
  clock = new FakeClock();
  const terminal = new Terminal({ clock, log, delayMs: 900, isInteractive: true });
  screen = terminal.screen;
  register = new Attached(terminal);
});

async function act(...actions: ScreenAction[]): Promise<void> {
  for (const action of actions) {
    screen.act(action);
    await settled();
  }
}

const tap = (card: string): ScreenAction => ({ do: 'tap', card });
const insert = (card: string): ScreenAction => ({ do: 'insert', card });
const remove: ScreenAction = { do: 'remove' };
const keys = (text: string): ScreenAction[] => [
  ...[...text].map((digit): ScreenAction => ({ do: 'key', key: digit as '1' })),
  { do: 'key', key: 'ok' },
];
const stop: ScreenAction = { do: 'key', key: 'stop' };
/** The issuer takes its time. */
const process = () => pass(clock, 300);
const buy = (more = {}) => register.request('1', 'Purchase', purchase(more));

describe('a purchase', () => {
  test('by tap', async () => {
    await buy({ amount: 1230 });
    expect(screen.state).toMatchObject({
      stage: 'wait-card',
      amount: { text: '12.30', currency: 'EUR' },
      isInteractive: true,
    });
    await act(tap('visa'));
    expect(screen.state.stage).toBe('processing');
    await process();
    expect(register.answer('1')?.result).toMatchObject({
      entry_mode: 'CONTACTLESS',
      card_scheme: 'Visa',
      verification_method: 'NONE',
    });
    expect(register.statuses).toEqual(['WAIT_CARD_IN', 'PROCESSING', 'idle']);
    expect(screen.state).toMatchObject({
      stage: 'message',
      lastOutcome: { kind: 'approved', text: 'Approved' },
      receipts: [expect.arrayContaining(['PURCHASE 12.30 EUR', 'CUSTOMER COPY'])],
    });
    await pass(clock, 3000);
    expect(screen.state).toMatchObject({ stage: 'idle', lines: ['Welcome'] });
  });

  test('by chip with PIN, the digits of which are nowhere to be seen', async () => {
    await buy();
    await act(insert('debit'));
    expect(screen.state).toMatchObject({
      stage: 'pin',
      insertedCard: 'debit',
      entered: { kind: 'pin', count: 0 },
    });
    await act(...keys('12').slice(0, 2));
    expect(screen.state.entered).toEqual({ kind: 'pin', count: 2 });
    await act({ do: 'key', key: 'clear' }, ...keys('234'));
    expect(screen.state.stage).toBe('processing');
    await process();
    expect(screen.state.stage).toBe('remove-card');
    expect(register.answer('1')).toBeUndefined();
    await act(remove);
    expect(register.answer('1')?.result).toMatchObject({ entry_mode: 'CHIP', verification_method: 'PIN' });
    expect(register.statuses).toEqual(['WAIT_CARD_IN', 'PROCESSING', 'WAIT_CARD_OUT', 'idle']);
    expect(JSON.stringify([screen.messages, screen.state])).not.toContain('1234');
  });

  test('with a card that was there before', async () => {
    await act(insert('signature'));
    await buy();
    await process();
    expect(screen.state.stage).toBe('signature');
    expect(register.statuses.at(-1)).toBe('WAIT_POS');
    await act({ do: 'sign', accepted: true }, remove);
    expect(register.answer('1')?.result).toMatchObject({ verification_method: 'SIGNATURE' });
  });

  test('whose card is forgotten is answered after 30 s all the same', async () => {
    await buy();
    await act(insert('mastercard'), ...keys('1234'));
    await process();
    await pass(clock, 30_000);
    expect(register.answer('1')?.result).toBeDefined();
    expect(screen.state.insertedCard).toBe('mastercard');
    await register.request('2', 'Status', {});
    expect(register.answer('2')?.result).toMatchObject({ chip_card_in: true, ready_for_transaction: true });
    await act(remove);
    expect(screen.state.insertedCard).toBeUndefined();
  });

  test('goes by the card and not by the amount', async () => {
    await buy({ amount: 1201 });
    await act(tap('mastercard'));
    await process();
    expect(register.answer('1')?.result).toBeDefined();
  });
});

describe('nothing is charged', () => {
  async function ends(code: string, statuses: string[]): Promise<void> {
    await settled();
    expect(register.code('1')).toBe(code);
    expect(register.statuses).toEqual([...statuses, 'idle']);
    expect(screen.state.lastOutcome?.kind).not.toBe('approved');
    expect(screen.state.receipts).toEqual([]);
  }

  test('without a card for 30 s', async () => {
    await buy();
    await pass(clock, 30_000);
    await ends('CARD_TIMEOUT', ['WAIT_CARD_IN']);
  });

  test('when the stop key is pressed', async () => {
    await buy();
    await act(stop);
    await ends('CANCELLED', ['WAIT_CARD_IN']);
  });

  test('when the stop key is pressed for the PIN, or while the issuer is asked', async () => {
    await buy();
    await act(insert('visa'), stop, remove);
    await ends('CANCELLED', ['WAIT_CARD_IN', 'PROCESSING', 'WAIT_CARD_OUT']);
    await register.request('2', 'Purchase', purchase({ sequence_id: 2 }));
    await act(tap('visa'), stop);
    expect(register.code('2')).toBe('CANCELLED');
  });

  test('when the card is taken away too early', async () => {
    await buy();
    await act(insert('visa'), remove);
    await ends('CARD_REMOVED', ['WAIT_CARD_IN', 'PROCESSING']);
    await register.request('2', 'Purchase', purchase({ sequence_id: 2 }));
    await act(insert('visa'), ...keys('1234'), remove);
    expect(register.code('2')).toBe('CARD_REMOVED');
  });

  test('after three wrong PINs', async () => {
    await buy();
    await act(insert('visa'), ...keys('1111'), ...keys('2222'), ...keys('33333333333333'), remove);
    await ends('PIN_TRIES_EXCEEDED', ['WAIT_CARD_IN', 'PROCESSING', 'WAIT_CARD_OUT']);
  });

  test('without a PIN for a minute', async () => {
    await buy();
    await act(insert('visa'), ...keys('123')); // too short to be one
    await pass(clock, 60_000);
    await act(remove);
    await ends('PIN_TIMEOUT', ['WAIT_CARD_IN', 'PROCESSING', 'WAIT_CARD_OUT']);
  });

  test.each([
    ['stripe', 'DECLINED'],
    ['expired', 'CARD_EXPIRED'],
  ])('with the card %s', async (card, code) => {
    await buy();
    await act(insert(card));
    await process();
    await act(remove);
    await ends(code, ['WAIT_CARD_IN', 'PROCESSING', 'WAIT_CARD_OUT']);
  });

  test('when the cashier does not accept the signature', async () => {
    await buy();
    await act(insert('signature'));
    await process();
    await act({ do: 'sign', accepted: false }, remove);
    await ends('SIGNATURE_REFUSED', ['WAIT_CARD_IN', 'PROCESSING', 'WAIT_POS', 'WAIT_CARD_OUT']);
  });

  test('when the register aborts, at any time before the decision', async () => {
    await buy();
    await act(insert('visa'));
    await register.request('2', 'Abort', {});
    await act(remove);
    await ends('ABORTED', ['WAIT_CARD_IN', 'PROCESSING', 'WAIT_CARD_OUT']);
  });
});

describe('what makes no sense at the moment changes nothing', () => {
  test.each<ScreenAction>([
    remove,
    tap('nonsense'),
    insert('nonsense'),
    tap('debit'),
    tap('stripe'),
    { do: 'sign', accepted: true },
    { do: 'text', text: 'x' },
    { do: 'key', key: '5' },
  ])('%j', async (action) => {
    await act(action);
    await buy();
    await act(action);
    expect(screen.state).toMatchObject({ stage: 'wait-card' });
    expect(screen.state.insertedCard).toBeUndefined();
  });

  test('a second card does not go in, and the stop key is too late after the decision', async () => {
    await buy();
    await act(insert('mastercard'), insert('visa'), ...keys('1234'));
    await process();
    await act(stop, insert('visa'));
    expect(screen.state).toMatchObject({ stage: 'remove-card', insertedCard: 'mastercard' });
    await act(remove);
    expect(register.answer('1')?.result).toMatchObject({ card_scheme: 'Mastercard' });
  });
});

describe('TextInput', () => {
  test('from the keypad', async () => {
    await register.request('1', 'TextInput', { text: 'Number?', max_length: 3 });
    await act(...keys('1245').slice(0, 4));
    expect(screen.state.entered).toEqual({ kind: 'text', text: '124' });
    await act({ do: 'key', key: 'clear' }, ...keys('9'));
    expect(register.answer('1')?.result).toEqual({ text: '129' });
  });

  test('from a keyboard, cancelled, and too late', async () => {
    await register.request('1', 'TextInput', { max_length: 5 });
    await act({ do: 'text', text: 'Hello world' });
    expect(register.answer('1')?.result).toEqual({ text: 'Hello' });
    await register.request('2', 'TextInput', {});
    await act(stop);
    expect(register.code('2')).toBe('CANCELLED');
    await register.request('3', 'TextInput', { timeout_ms: 1000 });
    await pass(clock, 1000);
    expect(register.code('3')).toBe('INPUT_TIMEOUT');
  });
});

test('where a function says so, each transaction begins with a person or without', async () => {
  let isSomebodyThere = false;
  const terminal = new Terminal({ clock, log, delayMs: 900, isInteractive: () => isSomebodyThere });
  register = new Attached(terminal);
  screen = terminal.screen;
  await buy({ amount: 1201 });
  isSomebodyThere = true;
  expect(screen.state.isInteractive).toBe(true);
  await act(insert('visa'), stop);
  expect(screen.state.insertedCard).toBeUndefined();
  await pass(clock, 900);
  expect(register.code('1')).toBe('DECLINED');
  await register.request('2', 'Purchase', purchase({ sequence_id: 2, amount: 1205 }));
  isSomebodyThere = false;
  await act(tap('visa'));
  await process();
  expect(register.answer('2')?.result).toMatchObject({ entry_mode: 'CONTACTLESS' });
});

describe('who watches', () => {
  test('is told once a turn, from a later one, until no more', async () => {
    let changes = 0;
    const end = screen.watch(() => {
      changes += 1;
    });
    await buy();
    expect(changes).toBe(1);
    screen.act(tap('visa'));
    expect(changes).toBe(1);
    await settled();
    await settled();
    expect(changes).toBeGreaterThan(1);
    end();
    const before = changes;
    await process();
    expect(changes).toBe(before);
  });

  test('sees messages on their channels, masked, the newest 300', async () => {
    register.announce('a');
    await buy({ api_key: 'TOP-SECRET', pan: '4111111111111111' });
    await act(tap('visa'));
    await process();
    await register.request('9', 'Check', purchase());
    const { messages } = screen;
    expect(
      messages.map(({ direction, kind, method, channel }) => [direction, kind, method, channel]),
    ).toEqual([
      ['in', 'notification', '_Connected', 'payment'],
      ['in', 'request', 'Purchase', 'payment'],
      ['out', 'notification', 'StatusEvent', 'device'],
      ['out', 'notification', 'PosMessage', 'ui'],
      ['out', 'notification', 'StatusEvent', 'device'],
      ['out', 'notification', 'PosMessage', 'ui'],
      ['out', 'notification', 'StatusEvent', 'device'],
      ['out', 'result', 'Purchase', 'payment'],
      ['in', 'request', 'Check', 'storage'],
      ['out', 'result', 'Check', 'storage'],
    ]);
    expect(messages.map(({ number }) => number)).toEqual(messages.map((_, index) => index + 1));
    expect(messages[1]).toMatchObject({
      connection: 'a',
      id: '1',
      text: expect.stringContaining('"amount":1250'),
    });
    expect(messages[7]?.id).toBe('1');
    expect(JSON.stringify(messages)).not.toMatch(/TOP-SECRET|4111111111111111/);
    for (let n = 0; n < 400; n += 1) register.write('{"jsonrpc":"2.0","id":"x","method":"Status"}\n');
    expect(screen.messages).toHaveLength(300);
    await register.request('10', 'Print', { text: `${'x'.repeat(199)}\n`.repeat(20) });
    expect(screen.messages.at(-2)?.text).toHaveLength(2000);
  });
});
