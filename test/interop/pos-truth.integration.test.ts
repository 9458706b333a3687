import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { JsonObject } from '../kit/register.ts';
import { TestTerminal } from '../kit/terminal.ts';
import { Workbench } from './kit.ts';

/** What `posbridge pos` tells, and with which status it ends, whatever a terminal says. */

type Said = JsonObject | Error | 'cut';

let bench: Workbench;
let terminal: TestTerminal;
const others: TestTerminal[] = [];

beforeEach(async () => {
  bench = await Workbench.open();
  terminal = await TestTerminal.listen();
});

afterEach(async () => {
  await bench.close();
  for (const each of [terminal, ...others.splice(0)]) await each.stop();
});

/** What the terminal says to a method, each time the next of them, the last one for ever. */
function says(answers: Record<string, Said[]>, to = terminal): void {
  to.onRequest = ({ method = '' }, connection) => {
    const own = answers[method];
    const said = own !== undefined && own.length > 1 ? own.shift() : own?.[0];
    if (said !== 'cut') return said ?? new Error('JSONRPC_METHOD_NOT_FOUND');
    connection.cut();
    return undefined;
  };
}

async function pos(
  args: readonly string[],
  to = terminal,
): Promise<{ code: number | null; out: string; errors: string }> {
  const place = ['--to', to.endpoint, '--store', bench.path('store')];
  const running = bench.start('posbridge', ['pos', ...args, ...place]);
  const { stdout } = running;
  const { code } = await running.exited;
  await stdout.ended;
  return { code, out: stdout.text, errors: running.errors };
}

const SALE = ['purchase', '12.30', 'EUR', '--receipt', '17'];

describe('an approval for another amount', () => {
  test('is shown before anything else, and has a status of its own', async () => {
    says({ Purchase: [{ amount: '5.00', currency: 'EUR' }] });
    const { code, out } = await pos(SALE);
    expect([code, out.split('\n')[0]]).toEqual([2, 'APPROVED  5.00 EUR of 12.30 EUR']);
    expect(await pos(['check', '17'])).toMatchObject({ code: 2, out });
  });

  test('has members of its own for programs', async () => {
    says({ Purchase: [{ amount: 1230, currency: 'SEK' }] });
    const { code, out } = await pos([...SALE, '--json']);
    const outcome = out.split('\n').find((line) => line.includes('"event":"outcome"')) ?? '{}';
    expect([code, JSON.parse(outcome)]).toMatchObject([
      2,
      {
        outcome: 'approved',
        amount_minor: 1230,
        currency: 'EUR',
        approved_amount: '12.30',
        approved_amount_minor: 1230,
        approved_currency: 'SEK',
      },
    ]);
  });

  test('is for a person where only Check has it', async () => {
    says({ Purchase: ['cut'], Check: [{ amount: 500, currency: 'EUR' }] });
    const { code, out } = await pos(SALE);
    expect([code, out]).toMatchObject([75, expect.stringContaining('settle the entry by hand')]);
  });
});

test.each(['BUSY', 'CHANNEL_UNAVAILABLE', 'JOURNAL_UNAVAILABLE'])(
  'a sale that was refused by %s has not started, and nobody calls it declined',
  async (refusal) => {
    says({ Purchase: [new Error(refusal)] });
    const { code, out } = await pos(SALE);
    expect([code, out]).toMatchObject([1, expect.stringMatching(/^NOT STARTED {2}12\.30 EUR\n/)]);
    expect(terminal.requests('Check')).toEqual([]);
  },
);

test.each([
  'NOT_READY',
  'INVALID_API_KEY',
  'STORAGE_ERROR',
  'JSONRPC_METHOD_NOT_FOUND',
  'PRINTER_FAILED',
  'BUSY',
])('a charged sale of which Check says %s is open until Check knows it', async (refusal) => {
  says({ Purchase: ['cut'], Check: [new Error(refusal)] });
  expect(await pos([...SALE, '--outcome-wait', '2s'])).toMatchObject({ code: 75 });
  expect(await pos(['recover', '--outcome-wait', '1s'])).toMatchObject({ code: 75 });
  says({ Check: [{ amount: 1230, currency: 'EUR' }] });
  const { code, out } = await pos(['recover']);
  expect([code, out]).toMatchObject([0, expect.stringMatching(/^APPROVED {2}12\.30 EUR\n/)]);
});

describe('a code of the terminal’s own', () => {
  test('is final when the sale and Check have it, also after the death of the register', async () => {
    says({ Purchase: [new Error('PRINTER_FAILED')], Check: [new Error('NOT_READY')] });
    expect(await pos([...SALE, '--outcome-wait', '1s'])).toMatchObject({ code: 75 });
    says({ Check: [new Error('PRINTER_FAILED')] });
    const { code, out } = await pos(['recover']);
    expect([code, out]).toMatchObject([0, expect.stringMatching(/^DECLINED/)]);
  });

  test('is final at once where --outcome declares it', async () => {
    says({ Purchase: [new Error('PRINTER_FAILED')] });
    const { code, out } = await pos([...SALE, '--outcome', 'PRINTER_FAILED']);
    expect([code, out]).toMatchObject([1, expect.stringMatching(/^DECLINED/)]);
    expect(await pos([...SALE, '--outcome', 'TIMEOUT'])).toMatchObject({ code: 100 });
  });
});

test('a sale that went to one terminal is not ended by another, wherever that is', async () => {
  const info = (serial: string) => ({ version: '20.1.0', serial_number: serial });
  terminal.onRequest = ({ method }, connection) => {
    if (method === 'TerminalInfo') return info('A1');
    if (method === 'Purchase') connection.cut();
    return method === 'Check' ? new Error('OUTCOME_UNKNOWN') : undefined;
  };
  expect(await pos([...SALE, '--outcome-wait', '2s'])).toMatchObject({ code: 75 });
  const other = await TestTerminal.listen();
  others.push(other);
  says({ TerminalInfo: [info('B2')], Check: [new Error('TRANSACTION_NOT_FOUND')] }, other);
  const { code, out } = await pos(['recover'], other);
  expect([code, out]).toMatchObject([75, expect.stringContaining(terminal.endpoint)]);
  expect(other.requests('Check')).toEqual([]);
  says({ TerminalInfo: [info('A1')], Check: [{ amount: 1230, currency: 'EUR' }] }, other);
  expect(await pos(['recover'], other)).toMatchObject({ code: 0, out: expect.stringMatching(/^APPROVED/) });
});

test('a receipt alone finds a sale, and papers in one text are printed like lines', async () => {
  const paper = { text: 'SHOP\nTOTAL 12.30' };
  says({ Check: [{ amount: 1230, currency: 'EUR', response_text: 'Approved', merchant_receipt: paper }] });
  const { code, out } = await pos(['check', '4711']);
  expect([code, out.split('\n')]).toEqual([
    0,
    ['APPROVED  12.30 EUR', 'receipt  4711', 'answer   Approved', '', '  SHOP', '  TOTAL 12.30', ''],
  ]);
  const [asked] = terminal.requests('Check');
  expect(asked?.params).toEqual({ receipt_id: 4711 });
});
