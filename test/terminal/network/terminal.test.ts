import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { silentLogger } from '../../../src/base/log.ts';
import { readDownloadUrl } from '../../../src/terminal/network/download.ts';
import { Terminal } from '../../../src/terminal/terminal.ts';
import { FakeClock } from '../../kit/fake-clock.ts';
import { Attached, purchase, settled } from '../kit.ts';

const FILE = Buffer.from('a large file'.repeat(1000));
const HASH = createHash('sha256').update(FILE).digest('hex');
const HEAD = `HTTP/1.1 200 OK\r\ncontent-length: ${FILE.length}\r\n\r\n`;

/** A simulated terminal; its register, and what that is connected to, are played by hand. */
function setUp(url = `http://files.example:8080/file#sha256=${HASH}`) {
  const clock = new FakeClock();
  const source = readDownloadUrl(url);
  const terminal = new Terminal({ clock, log: silentLogger, ...(source && { download: source }) });
  const attached = new Attached(terminal);
  const asked = (method: string) => attached.messages.filter((message) => message.method === method);
  const answer = async (id: unknown, value: object) => {
    attached.write(`${JSON.stringify({ connection: 'a', jsonrpc: '2.0', id, ...value })}\n`);
    await settled();
  };
  const data = async (id: number, bytes: Buffer | string) => {
    const params = { id, data: Buffer.from(bytes).toString('base64') };
    attached.write(`${JSON.stringify({ connection: 'a', jsonrpc: '2.0', method: 'Data', params })}\n`);
    await settled();
  };
  return { clock, terminal, attached, asked, answer, data };
}

/** The register has offered its network, a download is asked for, and connected. */
async function downloading(id = 't') {
  const bench = setUp();
  const { attached, asked, answer, clock } = bench;
  await attached.request('s', 'NetworkStart', {});
  expect(attached.outcomeText('s')).toBe('result {}');
  clock.advance(10_000);
  await attached.request(id, 'Test', { test_id: 'large_file_download' });
  await until(() => asked('NetworkConnect').length === 1);
  expect(asked('NetworkConnect')[0]?.params).toEqual({ connection_id: 1, host: 'files.example', port: 8080 });
  await answer(asked('NetworkConnect')[0]?.id, { result: {} });
  await until(() => asked('Data').length > 0);
  return bench;
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await settled();
}

test('downloads a file, verifies it, and shows how far it is', async () => {
  const { attached, asked, data, clock, terminal } = await downloading();
  const request = asked('Data').map(({ params }) =>
    Buffer.from(String(params?.['data']), 'base64').toString(),
  );
  expect(request.join('')).toMatch(/^GET \/file HTTP\/1\.1\r\n/);
  clock.advance(1000);
  await data(1, `${HEAD}${FILE.subarray(0, 6000)}`);
  await until(() => terminal.screen.state.lines.includes('50 % of 12000 bytes'));
  expect(terminal.screen.state).toMatchObject({
    stage: 'message',
    lines: ['Test: download', '50 % of 12000 bytes'],
  });
  clock.advance(1000);
  await data(1, FILE.subarray(6000));
  await until(() => attached.answer('t') !== undefined);
  expect(attached.answer('t')?.result).toEqual({
    bytes: 12_000,
    sha256: HASH,
    verified: true,
    duration_ms: 2000,
    bytes_per_s: 6000,
  });
  expect(terminal.screen.state.lines).toEqual(['Test: download', '12000 bytes, 6000 bytes/s']);
  clock.advance(3000);
  expect(terminal.screen.state.stage).toBe('idle');
  await until(() => asked('NetworkDisconnect').length === 1);
});

test('a damaged file, a short one, and a lost register fail the test', async () => {
  const damaged = await downloading();
  await damaged.data(1, HEAD + 'x'.repeat(FILE.length));
  await until(() => damaged.attached.answer('t') !== undefined);
  expect(damaged.attached.code('t')).toBe('TEST_FAILED');
  expect(damaged.attached.outcomeText('t')).toContain('the file arrived damaged');

  const short = await downloading();
  await short.data(1, `${HEAD}abc`);
  await short.attached.request('d', 'NetworkDisconnected', { connection_id: 1, reason: 'gone' });
  expect(short.attached.outcomeText('d')).toBe('result {}');
  await until(() => short.attached.answer('t') !== undefined);
  expect(short.attached.code('t')).toBe('TEST_FAILED');

  const lost = await downloading();
  lost.attached.write('{"connection":"a","jsonrpc":"2.0","method":"_Disconnected","params":{}}\n');
  await until(() => lost.attached.answer('t') !== undefined);
  expect(lost.attached.outcomeText('t')).toContain('the connection to the register is lost');
});

test('a purchase has the display, whatever is downloaded', async () => {
  const { attached, data, clock, terminal } = await downloading();
  await attached.request('p', 'Purchase', purchase());
  expect(terminal.screen.state.stage).toBe('wait-card');
  clock.advance(100);
  await data(1, `${HEAD}${FILE.subarray(0, 6000)}`);
  expect(terminal.screen.state.stage).toBe('wait-card');
  await data(1, FILE.subarray(6000));
  await until(() => attached.answer('t') !== undefined);
  expect(terminal.screen.state.stage).toBe('wait-card');
});

test('without an address, or without a network, there is no download', async () => {
  const nothing = setUp('none');
  await nothing.attached.request('t', 'Test', { test_id: 'large_file_download' });
  await settled();
  expect(nothing.attached.code('t')).toBe('TEST_UNAVAILABLE');
  const { attached } = setUp();
  await attached.request('t', 'Test', { test_id: 'large_file_download' });
  await settled();
  expect(attached.outcomeText('t')).toContain('no register has offered its network');
  await attached.request('s', 'NetworkStart', {});
  await attached.request('e', 'NetworkStop', {});
  await attached.request('u', 'Test', { test_id: 'large_file_download' });
  await settled();
  expect(attached.code('u')).toBe('TEST_UNAVAILABLE');
});

test('data is no news for the screen', async () => {
  const { data, terminal } = await downloading();
  const before = terminal.screen.messages.length;
  await data(1, HEAD);
  await data(99, 'x');
  expect(terminal.screen.messages).toHaveLength(before);
});

test.each([
  ['http://x/f', undefined],
  [`http://x/f#sha256=${HASH.toUpperCase()}`, HASH],
  [`http://x/files/${HASH}.bin`, HASH],
  [`http://x/${HASH}/file`, undefined],
])('the address %s expects %s', (text, sha256) => {
  expect(readDownloadUrl(text)).toMatchObject({ sha256 });
});
