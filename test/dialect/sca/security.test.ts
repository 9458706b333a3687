import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Assumptions, readAssumptions } from '../../../src/dialect/sca/assumptions.ts';
import { openMemory } from '../../../src/dialect/sca/memory.ts';
import { Registrations, readPublicKey } from '../../../src/dialect/sca/registrations.ts';
import { type BenchConnection, PairedRegister, PUBLIC_KEY, TerminalBench } from './kit.ts';

const OK = { RESULT: 'OK', RESULT_CODE: '-1', TERMINATION_STATUS: 'SUCCESS' };
const FAILED = { TERMINATION_STATUS: 'FAILURE' };

async function pair(register: BenchConnection): Promise<PairedRegister> {
  await register.send('SECURITY', 'REGISTER', { KEY: PUBLIC_KEY, ENTRY_CODE: '1234' });
  expect(register.last).toMatchObject({ method: 'TextInput', params: { max_length: 4 } });
  await register.result({ text: '1234' });
  expect(register.response).toMatchObject(OK);
  return new PairedRegister(register.response);
}

/** Over TCP every register has to pair. */
const tcp = () => new TerminalBench({ authentication: 'required', framing: 'stream', dials: false });

describe('without registration (SKIPPOSAUTH=1)', () => {
  test('SECURITY commands are refused', async () => {
    const register = new TerminalBench().connect();
    for (const command of ['REGISTER', 'REGISTER_ENCRYPTION', 'TEST_MAC', 'UNREGISTER', 'UNREGISTERALL'])
      expect(await register.ask('SECURITY', command, { KEY: PUBLIC_KEY })).toMatchObject({
        ...FAILED,
        RESULT: 'ERROR',
        RESULT_CODE: '0',
      });
  });

  test('a wrong MAC, an unknown label and any counter are ignored', async () => {
    const register = new TerminalBench().connect();
    const garbage = { MAC: '####', MAC_LABEL: 'P_NOBODY', COUNTER: '5' };
    expect(await register.start(garbage)).toMatchObject({ ...OK, COUNTER: '5' });
    expect(await register.ask('SESSION', 'FINISH', { ...garbage, COUNTER: '5' })).toMatchObject(OK);
  });

  test('GET_COUNTER tells 1 first, and the counter of the last request from then on', async () => {
    const bench = new TerminalBench();
    const register = bench.connect();
    const counter = async (from = register) => (await from.ask('ADMIN', 'GET_COUNTER'))['COUNTER'];
    expect(await counter()).toBe('1');
    await register.start({ COUNTER: '100' });
    expect(await counter()).toBe('100');
    await register.ask('SESSION', 'FINISH');
    expect(await counter()).toBe('100');
    await register.send('SECONDARYPORT', 'STATUS', { COUNTER: '7' });
    expect(await counter()).toBe('7');
    expect(await counter(bench.connect())).toBe('7');
  });

  test('the counter belongs to the connection where that is assumed', async () => {
    const bench = new TerminalBench({ assumed: readAssumptions('counter-of=connection') as Assumptions });
    const register = bench.connect();
    await register.start({ COUNTER: '100' });
    expect(await register.ask('ADMIN', 'GET_COUNTER')).toMatchObject({ COUNTER: '100' });
    expect(await bench.connect().ask('ADMIN', 'GET_COUNTER')).toMatchObject({ COUNTER: '1' });
  });

  test('the request of GET_COUNTER itself does not count, and its answer has one COUNTER', async () => {
    const register = new TerminalBench().connect();
    expect(await register.ask('ADMIN', 'GET_COUNTER', { COUNTER: '55', POS_RECON: 'g' })).toEqual({
      ...OK,
      RESPONSE_TEXT: 'SUCCESS',
      COUNTER: '1',
      POS_RECON: 'g',
    });
  });
});

describe('registration', () => {
  test('a register pairs, and its MACs are believed: the HMAC makes a round trip', async () => {
    const register = tcp().connect();
    const paired = await pair(register);
    expect(paired.label).toMatch(/^P_[A-Z2-9]{6}$/);
    expect(paired.key).toHaveLength(16);
    expect(await register.ask('SECURITY', 'TEST_MAC', paired.auth())).toMatchObject({
      ...OK,
      RESPONSE_TEXT: 'Match',
    });
    expect(await register.start(paired.auth())).toMatchObject(OK);
    expect(await register.ask('ADMIN', 'GET_COUNTER', { MAC_LABEL: paired.label })).toMatchObject({
      COUNTER: '2',
    });
    expect(register.secrets).toEqual(['1234']);
  });

  test('a wrong code, no code and nobody to type it end without a registration', async () => {
    const register = tcp().connect();
    await register.send('SECURITY', 'REGISTER', { KEY: PUBLIC_KEY, ENTRY_CODE: '1234' });
    await register.result({ text: '4321' });
    expect(register.response).toMatchObject({ ...FAILED, RESULT_CODE: '40009' });
    expect(await register.ask('SECURITY', 'REGISTER', { KEY: PUBLIC_KEY })).toMatchObject(FAILED);
    await register.send('SECURITY', 'REGISTER', { KEY: PUBLIC_KEY, ENTRY_CODE: '1234' });
    await register.error('CANCELLED');
    expect(register.response).toMatchObject({ ...FAILED, RESULT_CODE: '59001' });
  });

  test('with REG_VER 2 the code is typed at the terminal and returned', async () => {
    const register = tcp().connect();
    await register.send('SECURITY', 'REGISTER', { KEY: PUBLIC_KEY, REG_VER: '2' });
    expect(register.last.params.max_length).toBe(8);
    await register.result({ text: 'ABCD1234' });
    expect(register.response).toMatchObject({ ...OK, ENTRY_CODE: 'ABCD1234' });
  });

  test('where registers pair alone nobody types anything', async () => {
    const bench = new TerminalBench({ authentication: 'required', pairsAlone: true });
    const register = bench.connect();
    expect(await register.ask('SECURITY', 'REGISTER', { KEY: PUBLIC_KEY })).toMatchObject(OK);
    expect(register.asked).toEqual([]);
  });

  test('what is no RSA key of 2048 bits is refused', async () => {
    const register = tcp().connect();
    for (const KEY of ['', 'AAAA', PUBLIC_KEY.slice(0, 40)])
      expect(await register.ask('SECURITY', 'REGISTER', { KEY, ENTRY_CODE: '1234' })).toMatchObject(FAILED);
    expect(readPublicKey(PUBLIC_KEY)?.asymmetricKeyType).toBe('rsa');
  });

  test('a request without a MAC, with a wrong one, an unknown label and a counter that was used is refused', async () => {
    const bench = tcp();
    const register = bench.connect();
    const paired = await pair(register);
    expect(await register.start()).toMatchObject({ ...FAILED, RESULT_CODE: '40007' });
    expect(await register.start({ MAC: 'x' })).toMatchObject({ ...FAILED, RESULT_CODE: '40007' });
    expect(await register.start({ ...paired.auth(), MAC_LABEL: 'P_NOBODY' })).toMatchObject({
      ...FAILED,
      RESULT: 'FIELD_ERROR',
      RESULT_CODE: '19',
    });
    expect(await register.start({ ...paired.auth(5), COUNTER: '6' })).toMatchObject({
      ...FAILED,
      RESULT_CODE: '0',
    });
    expect(await register.start(paired.auth(5))).toMatchObject(OK);
    for (const counter of [5, 4, 1])
      expect(await register.ask('SESSION', 'FINISH', paired.auth(counter))).toMatchObject(FAILED);
    expect(await register.ask('SESSION', 'FINISH', paired.auth(6))).toMatchObject(OK);
    expect(bench.end.terminal.session).toBeUndefined();
  });

  test('the last counter is 4294967295, and nothing is greater', async () => {
    const register = tcp().connect();
    const paired = await pair(register);
    expect(await register.start(paired.auth(4_294_967_295))).toMatchObject(OK);
    for (const counter of [4_294_967_296, 9_999_999_999, 99_999_999_999])
      expect(await register.ask('SESSION', 'FINISH', paired.auth(counter))).toMatchObject(FAILED);
  });

  test('secondary commands need no MAC, but one that is given is looked at', async () => {
    const register = tcp().connect();
    const paired = await pair(register);
    expect(await register.ask('SECONDARYPORT', 'CANCEL')).toMatchObject({ RESULT_CODE: '59006' });
    expect(await register.ask('SECONDARYPORT', 'CANCEL', { ...paired.auth(), MAC: 'AAAA' })).toMatchObject({
      RESULT_CODE: '0',
    });
  });

  test('UNREGISTER and UNREGISTERALL take registrations away', async () => {
    const register = tcp().connect();
    const one = await pair(register);
    expect(await register.ask('SECURITY', 'UNREGISTER', { MAC_LABEL: one.label })).toMatchObject({
      RESPONSE_TEXT: `Unregistered ${one.label}`,
    });
    expect(await register.start(one.auth())).toMatchObject({ RESULT_CODE: '19' });
    expect(await register.ask('SECURITY', 'UNREGISTER', { MAC_LABEL: one.label })).toMatchObject({
      RESULT_CODE: '19',
    });
    const other = await pair(register);
    expect(await register.ask('SECURITY', 'UNREGISTERALL')).toMatchObject(OK);
    expect(await register.start(other.auth())).toMatchObject({ RESULT_CODE: '19' });
  });

  test('full packet encryption is not offered', async () => {
    const register = tcp().connect();
    expect(await register.ask('SECURITY', 'REGISTER_ENCRYPTION', { KEY: PUBLIC_KEY })).toMatchObject(FAILED);
    await register.bytes('<ETRANSACTION><PAYLOAD>AAAA</PAYLOAD></ETRANSACTION>');
    expect(register.response).toMatchObject(FAILED);
  });

  test('certificates alone make registration optional: a register may pair, and then its MAC counts', async () => {
    const register = new TerminalBench({ authentication: 'optional' }).connect();
    expect(await register.start()).toMatchObject(OK);
    await register.ask('SESSION', 'FINISH');
    const paired = await pair(register);
    expect(await register.start({ ...paired.auth(), MAC: 'AAAA' })).toMatchObject(FAILED);
    expect(await register.start(paired.auth())).toMatchObject(OK);
  });

  test("a session belongs to the register that opened it: another one's payment is refused as busy", async () => {
    const bench = tcp();
    const first = bench.connect();
    const one = await pair(first);
    const second = bench.connect();
    const other = await pair(second);
    await first.start(one.auth());
    const payment = { TRANS_AMOUNT: '1.00', POS_RECON: 'r' };
    expect(await second.ask('PAYMENT', 'CAPTURE', { ...payment, ...other.auth() })).toMatchObject({
      RESULT: 'BUSY',
    });
    await first.send('SECONDARYPORT', 'STATUS');
    await first.result({});
    expect(first.response).toMatchObject({ MACLABEL_IN_SESSION: one.label });
  });
});

describe('what outlives a restart', () => {
  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'sca-memory-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  test('registrations and counters do, in a file for the owner alone', async () => {
    const memory = await openMemory(path.join(folder, 'a'));
    const registrations = new Registrations();
    const key = readPublicKey(PUBLIC_KEY);
    if (key === undefined) throw new Error('no key');
    const { label } = registrations.add(key);
    await Promise.all([1, 2, 3].map(() => memory.save({ registrations: registrations.stored, last: {} })));
    const file = path.join(folder, 'a', 'terminal.json');
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    await memory.close();
    const reopened = await openMemory(path.join(folder, 'a'));
    const again = new Registrations(reopened.remembered?.registrations);
    expect(again.has(label)).toBe(true);
    await reopened.close();
    expect(JSON.parse(await readFile(file, 'utf8'))).toEqual({
      registrations: registrations.stored,
      last: {},
    });
  });

  test('of several things that are saved at once the last one stays', async () => {
    const memory = await openMemory(path.join(folder, 'b'));
    const save = (counter: number) =>
      memory.save({ registrations: { labels: { P_A: { key: 'AAAA', counter } } }, last: {} });
    await Promise.all([save(1), save(2), save(3)]);
    await save(4);
    await Promise.all([save(5), save(6)]);
    await memory.close();
    const again = await openMemory(path.join(folder, 'b'));
    expect(again.remembered?.registrations.labels['P_A']?.counter).toBe(6);
    await again.close();
  });

  test('a folder is one process’s alone: two would take the same counter twice', async () => {
    const memory = await openMemory(path.join(folder, 'd'));
    await expect(openMemory(path.join(folder, 'd'))).rejects.toThrow('another process is this terminal');
    void memory.save({ registrations: { labels: {} }, last: {} });
    await memory.close();
    const again = await openMemory(path.join(folder, 'd'));
    expect(again.remembered).toEqual({ registrations: { labels: {} }, last: {} });
    await again.close();
  });

  test('a file that holds something else is refused, with its name', async () => {
    const memory = await openMemory(path.join(folder, 'c'));
    await memory.save({ registrations: { labels: {} }, last: {} });
    await memory.close();
    await rm(path.join(folder, 'c', 'terminal.json'));
    await (await import('node:fs/promises')).writeFile(path.join(folder, 'c', 'terminal.json'), 'rubbish');
    await expect(openMemory(path.join(folder, 'c'))).rejects.toThrow(/terminal\.json cannot be used/);
  });
});

test('a request whose counter is being stored is obeyed although the register has ended its output', async () => {
  let stored = () => {};
  const save = () => new Promise<void>((resolve) => (stored = resolve));
  const memory = { remembered: undefined, save, close: async () => {} };
  const bench = new TerminalBench({ authentication: 'required', pairsAlone: true, memory });
  const register = bench.connect();
  await register.send('SECURITY', 'REGISTER', { KEY: PUBLIC_KEY });
  stored();
  await Promise.resolve();
  await Promise.resolve();
  const paired = new PairedRegister(register.response);
  await register.send('SESSION', 'START', { INVOICE: '1', ...paired.auth() });
  register.conversation.endOfInput();
  expect(register.inputEnded).toBe(0);
  stored();
  for (let turn = 0; turn < 9; turn += 1) await Promise.resolve();
  expect(register.response).toMatchObject(OK);
  expect(register.inputEnded).toBe(1);
});
