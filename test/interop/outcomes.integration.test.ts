import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Answer, errorAnswer, type LineMessage, type TestApplication } from '../kit/application.ts';
import { codeOf, exitedWith, purchase, type Running, Workbench } from './kit.ts';

/** What an application says, with and without a journal, and what of it the register hears: real processes. */

let bench: Workbench;

beforeEach(async () => {
  bench = await Workbench.open();
});
afterEach(() => bench.close());

const IDENTIFIERS = { receipt_id: 'R-1', sequence_id: '17' };
const BUY = purchase('R-1', { sequence_id: '17' });

/** An application that answers a Purchase and each Check after it as it is told. */
async function application(
  toPurchase: (message: LineMessage, application: TestApplication) => Answer | undefined,
  toCheck: (message: LineMessage) => Answer | undefined,
): Promise<TestApplication> {
  const own: TestApplication = await bench.application((message) => {
    if (message.method === 'Purchase') return toPurchase(message, own);
    if (message.method === 'Check') return toCheck(message);
    return { result: { method: message.method ?? '' } };
  });
  return own;
}

const start = (...options: string[]): Running =>
  bench.startBridge(['--app', `unix:${bench.socketPath}`, ...options]);

describe.each([
  ['without a journal', () => []],
  ['with a journal', () => ['--journal', bench.path('journal')]],
])('%s', (_, journal) => {
  test.each([
    ['Latin-1', Buffer.from('{"jsonrpc":"2.0","result":{"name":"Käse"}}\n', 'latin1')],
    ['a byte order mark', Buffer.from('\ufeff{"jsonrpc":"2.0","result":{}}\n')],
    ['NaN', Buffer.from('{"jsonrpc":"2.0","result":{"amount":NaN}}\n')],
    ['a batch', Buffer.from('[{"jsonrpc":"2.0","result":{}}]\n')],
  ])(
    'after an answer that cannot be read (%s) the application is asked at once, and the terminal is free',
    async (_what, line) => {
      await application(
        (_message, { attachment }) => {
          attachment.socket.write(line);
          return undefined;
        },
        () => ({ result: { approved: true } }),
      );
      const register = start(...journal()).register();
      expect(await register.request('Purchase', BUY)).toMatchObject({ result: { approved: true } });
      expect(await register.request('Purchase', purchase('R-2'))).toMatchObject({
        result: { approved: true },
      });
      expect(await register.request('Check', IDENTIFIERS)).toMatchObject({ result: { approved: true } });
    },
  );

  test.each([
    'PRINTER_FAILED',
    'STORAGE_ERROR',
    'ACCESS_DENIED',
    'TRANSACTION_ACTIVE',
    'TRANSACTION_NOT_FOUND',
  ])('%s after a charge is asked about before the register hears anything', async (code) => {
    await application(
      () => errorAnswer(code, 'after the charge'),
      () => ({ result: { approved: true } }),
    );
    const register = start(...journal()).register();
    expect(await register.request('Purchase', BUY)).toMatchObject({ result: { approved: true } });
  });

  test('a code that nobody has declared is final when Check repeats it, or when --outcome declares it', async () => {
    const app = await application(
      () => errorAnswer('KAPUTT', 'x'),
      () => errorAnswer('KAPUTT', 'x'),
    );
    const asked = start(...journal()).register();
    expect(codeOf(await asked.request('Purchase', BUY))).toBe('KAPUTT');
    expect(app.requests('Check')).toHaveLength(1);
    const declared = start('--outcome', 'KAPUTT', ...journal()).register();
    expect(codeOf(await declared.request('Purchase', purchase('R-2')))).toBe('KAPUTT');
    expect(app.requests('Check')).toHaveLength(1);
  });

  test('one that nobody repeats ends in OUTCOME_UNKNOWN, and the log names --outcome', async () => {
    await application(
      () => errorAnswer('KAPUTT', 'x'),
      () => errorAnswer('NOT_READY', 'x'),
    );
    const bridge = start('--outcome-wait', '1', ...journal());
    const register = bridge.register();
    const bought = register.request('Purchase', BUY);
    await register.closed;
    await expect(bought).rejects.toThrow();
    expect(register.closeReason?.data.string_code).toBe('OUTCOME_UNKNOWN');
    expect(bridge.errors).toContain('--outcome KAPUTT');
  });

  test('an application that knows no Check is no proof of anything', async () => {
    const app = await application(
      () => undefined,
      () => errorAnswer('JSONRPC_METHOD_NOT_FOUND', 'x', -32601),
    );
    const register = start('--outcome-wait', '2', ...journal()).register();
    const bought = register.request('Purchase', BUY);
    await app.waitFor('Purchase');
    await app.kill();
    await app.start();
    await register.closed;
    await expect(bought).rejects.toThrow();
    expect(register.closeReason?.data.string_code).toBe('OUTCOME_UNKNOWN');
    const next = start(...journal()).register();
    // Whoever asks hears the application's own word, or that nobody can say.
    expect(codeOf(await next.request('Check', IDENTIFIERS))).toMatch(
      /^(JSONRPC_METHOD_NOT_FOUND|OUTCOME_UNKNOWN)$/,
    );
  });

  test('a refusal before anything began leaves the identifiers free', async () => {
    let isBusy = true;
    await application(
      () => (isBusy ? errorAnswer('BUSY', 'a customer is there') : { result: { approved: true } }),
      () => errorAnswer('TRANSACTION_NOT_FOUND', 'x'),
    );
    const register = start(...journal()).register();
    expect(codeOf(await register.request('Purchase', BUY))).toBe('BUSY');
    isBusy = false;
    expect(await register.request('Purchase', BUY)).toMatchObject({ result: { approved: true } });
  });

  test('the question carries the api_key of the purchase: without it the application would not say', async () => {
    const app = await application(
      () => undefined,
      ({ params }) =>
        params?.['api_key'] === 'secret-7'
          ? { result: { approved: true } }
          : errorAnswer('ACCESS_DENIED', 'no key'),
    );
    const bridge = start(...journal());
    const bought = bridge.register().request('Purchase', { ...BUY, api_key: 'secret-7' });
    await app.waitFor('Purchase');
    await app.kill();
    await app.start();
    expect(await bought).toMatchObject({ result: { approved: true } });
    expect(bridge.errors).not.toContain('secret-7');
  });

  test('a repetition of a running purchase is never refused: in another process it waits or hears nothing', async () => {
    const app = await application(
      () => undefined,
      () => errorAnswer('TRANSACTION_ACTIVE', 'x'),
    );
    const first = start(...journal()).register();
    const bought = first.request('Purchase', BUY);
    const { message, attachment } = await app.waitFor('Purchase');
    const [second, other] = [start(...journal()).register(), start(...journal()).register()];
    const repeated = second.request('Purchase', BUY).then(
      (answer) => answer.result,
      () => second.closeReason?.data.string_code,
    );
    expect(codeOf(await other.request('Purchase', purchase('R-2')))).toBe('BUSY');
    // By the next answer it has begun to wait, or has been found out.
    await second.request('_Keepalive').catch(() => undefined);
    attachment.answer(message ?? {}, { result: { approved: true } });
    expect((await bought).result).toEqual({ approved: true });
    expect(await repeated).toEqual(journal().length === 0 ? 'OUTCOME_UNKNOWN' : { approved: true });
    expect(app.requests('Purchase')).toHaveLength(1);
  });

  test('a purchase that is not answered is TRANSACTION_ACTIVE in another process, whatever the application finds', async () => {
    const app = await application(
      () => undefined,
      () => errorAnswer('TRANSACTION_NOT_FOUND', 'x'),
    );
    const bought = start(...journal())
      .register()
      .request('Purchase', BUY);
    const { message, attachment } = await app.waitFor('Purchase');
    const another = start(...journal()).register();
    expect(codeOf(await another.request('Check', IDENTIFIERS))).toBe('TRANSACTION_ACTIVE');
    attachment.answer(message ?? {}, { result: { approved: true } });
    expect((await bought).result).toEqual({ approved: true });
  });

  test('at SIGTERM neither it nor a Check is told that the application is not there', async () => {
    const app = await application(
      () => undefined,
      () => errorAnswer('TRANSACTION_ACTIVE', 'x'),
    );
    const bridge = start(...journal());
    const register = bridge.register();
    const bought = register.request('Purchase', BUY);
    await app.waitFor('Purchase');
    bridge.signal('SIGTERM');
    await bridge.says('stopping');
    const [repeated, checked, fresh] = [
      register.request('Purchase', BUY),
      register.request('Check', IDENTIFIERS),
      register.request('Status'),
    ];
    expect(codeOf(await checked)).toBe('TRANSACTION_ACTIVE');
    expect(codeOf(await fresh)).toBe('CHANNEL_UNAVAILABLE');
    await register.closed;
    for (const sale of [bought, repeated]) await expect(sale).rejects.toThrow();
    expect(register.closeReason?.data.string_code).toBe('OUTCOME_UNKNOWN');
    register.end();
    expect(await bridge.exited).toEqual(exitedWith(111));
  });
});

test('a result after BUSY is listed as contradicted, with what was asked for, and Check gives it', async () => {
  const app = await application(
    () => errorAnswer('BUSY', 'a customer is there'),
    () => errorAnswer('TRANSACTION_ACTIVE', 'x'),
  );
  const bridge = start('--journal', bench.path('journal'));
  const register = bridge.register();
  expect(codeOf(await register.request('Purchase', BUY))).toBe('BUSY');
  const { message, attachment } = await app.waitFor('Purchase');
  attachment.answer(message ?? {}, { result: { approved: true } });
  await bridge.says('A RESULT CONTRADICTS WHAT WAS TOLD: IT IS CHARGED');
  const list = bench.start('posbridge', ['journal', 'list', '--journal', bench.path('journal')]);
  await list.stdout.waitFor(/contradicted .*R-1\/17 +Purchase +12\.50 EUR +result, AFTER BUSY WAS TOLD/);
  register.end();
  await bridge.exited;
  const next = start('--journal', bench.path('journal')).register();
  expect((await next.request('Check', IDENTIFIERS)).result).toEqual({ approved: true });
});

test('Check with a sequence_id is OUTCOME_UNKNOWN where the purchase was made without one', async () => {
  await application(
    () => ({ result: { approved: true } }),
    () => errorAnswer('TRANSACTION_NOT_FOUND', 'x'),
  );
  const register = start('--journal', bench.path('journal')).register();
  expect((await register.request('Purchase', { ...BUY, sequence_id: null })).result).toBeDefined();
  expect(codeOf(await register.request('Check', IDENTIFIERS))).toBe('OUTCOME_UNKNOWN');
  expect((await register.request('Check', { receipt_id: 'R-1' })).result).toEqual({ approved: true });
});

test('a late answer to an earlier request with the same id is no answer to the purchase', async () => {
  const app = await application(
    () => undefined,
    () => errorAnswer('TRANSACTION_ACTIVE', 'x'),
  );
  app.handler = () => undefined;
  const register = start('--timeout', 'Status=0.2').register();
  expect(codeOf(await register.request('Status', {}, { id: '1' }))).toBe('TIMEOUT');
  const bought = register.request('Purchase', BUY, { id: '1' });
  const { message, attachment } = await app.waitFor('Purchase');
  const [status] = app.requests('Status');
  attachment.answer(status?.message ?? {}, { result: { late: true } });
  await app.waitFor('Check'); // it may have been meant for the purchase
  attachment.answer(message ?? {}, errorAnswer('DECLINED', 'by the issuer'));
  expect(codeOf(await bought)).toBe('DECLINED');
});

test('the applications and the register know a connection by a name that never comes twice, and by its register', async () => {
  const app = await bench.application(({ method }) => ({ result: { method: method ?? '' } }));
  const names = new Set<string>();
  for (let round = 0; round < 3; round += 1) {
    const register = start('--name', 'till', '--register', 'till-7').register();
    await register.request('Status', {}, { id: '1' });
    register.end();
    await register.closed;
  }
  for (const { message, text } of app.lines) {
    expect(
      text.startsWith(`{"connection":"${message?.connection}","register":"till-7","jsonrpc":"2.0"`),
    ).toBe(true);
    if (message?.method === '_Connected') {
      expect(message.params).toMatchObject({ connection: message.connection, register: 'till-7' });
      names.add(message.connection ?? '');
    }
  }
  expect(names.size).toBe(3);
  expect(new Set(app.requests('Status').map(({ message }) => message?.id)).size).toBe(3);
});
