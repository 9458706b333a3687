import './install.ts';
import { afterEach, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { Server } from '../../../src/bridge/server.ts';
import { resolveBridgeOptions } from '../../../src/cli/bridge-options.ts';
import { helpText } from '../../../src/cli/help.ts';
import { parseCommandLine } from '../../../src/cli/parse.ts';
import { readListeners } from '../../../src/cli/readers.ts';
import { readServerLimits } from '../../../src/cli/serve.ts';
import { gatherSettings } from '../../../src/cli/settings.ts';
import type { Journal } from '../../../src/store/journal.ts';
import { until } from '../../bridge/journal-kit.ts';
import { benchParts } from '../../bridge/kit.ts';
import { FakeClock } from '../../kit/fake-clock.ts';
import { openJournal } from '../../store/journal-kit.ts';
import { decodeToy, encodeToy, type ToyFrame } from './frame.ts';

/** The seam, proved by a protocol that is a folder and a row, and that nothing else in the house knows. */

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

const settingsOf = (...args: string[]) => {
  const { command, given } = parseCommandLine(args);
  return gatherSettings(command, given, {});
};

/** `posbridge serve --dialect toy`, with an application that the test plays. */
async function serve(journal?: Journal) {
  const settings = settingsOf(
    ...['serve', '--dialect', 'toy', '--toy-names', 'red,blue'],
    ...['--listen', 'ws://127.0.0.1:0/toy', '--app', 'simulator:'],
  );
  const { context, app, clock } = benchParts({ ...(journal !== undefined && { journal }) });
  const options = await resolveBridgeOptions(settings);
  const listeners = readListeners(settings);
  const server = await Server.open({ ...options, ...readServerLimits(settings), listeners }, context);
  closing.push(() => server.stop());
  return { app, clock, url: server.addresses[0] ?? '' };
}

/** A toy that the test plays. */
async function toy(url: string) {
  const frames: ToyFrame[] = [];
  const socket = new WebSocket(url);
  socket.on('message', (bytes: Buffer) => frames.push(decodeToy(bytes) as ToyFrame));
  closing.push(() => socket.terminate());
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
  return {
    frames,
    call: (id: number, method: string, body: object) =>
      socket.send(encodeToy({ kind: 'call', id, method, body: Buffer.from(JSON.stringify(body)) })),
    answer: (id: number, body: object) =>
      socket.send(encodeToy({ kind: 'result', id, method: '', body: Buffer.from(JSON.stringify(body)) })),
    answerTo: async (id: number) => {
      const found = () => frames.find((frame) => frame.kind !== 'call' && frame.id === id);
      await until(() => found() !== undefined);
      return { kind: found()?.kind, body: JSON.parse(String(found()?.body)) };
    },
    calls: () => frames.filter(({ kind }) => kind === 'call').map(({ method }) => method),
    close: () => socket.close(),
  };
}

describe('the row', () => {
  test('is all that the command line has to know', async () => {
    expect(await helpText('serve')).toMatch(/--toy-names\s+NAME,…: toy: which toys may connect/);
    const foreign = settingsOf(
      'serve',
      '--listen',
      'tcp:127.0.0.1:0',
      '--app',
      'null:',
      '--toy-names',
      'red',
    );
    await expect(resolveBridgeOptions(foreign)).rejects.toThrow(
      '--toy-names: --dialect jsonpos has no such thing',
    );
    const lacking = settingsOf('serve', '--dialect', 'toy', '--keepalive', 'off', '--app', 'null:');
    await expect(resolveBridgeOptions(lacking)).rejects.toThrow(
      '--keepalive: --dialect toy has no such thing',
    );
    const naming = settingsOf('serve', '--dialect', 'toy', '--app', 'null:');
    await expect(resolveBridgeOptions(naming)).rejects.toThrow('--toy-names: say which toys may connect');
  });
});

describe('a toy', () => {
  test('is let in by its name, which is its identity', async () => {
    const { app, url } = await serve();
    await toy(`${url}/red`);
    await expect(toy(`${url}/green`)).rejects.toThrow('404');
    await until(() => app.requests('_Connected').length > 0);
    expect(app.requests('_Connected').map(({ params }) => [params.identity, params.dialect])).toEqual([
      ['red', 'toy'],
    ]);
  });

  test('is asked one call at a time, by whoever names it', async () => {
    const { app, url } = await serve();
    const [red] = [await toy(`${url}/red`), await toy(`${url}/blue`)];
    await until(() => app.requests('_Connected').length === 2);
    for (const id of ['a', 'b']) app.send({ identity: 'red', id, method: `Play ${id}`, params: {} });
    await until(() => red.calls().length === 1);
    await until(() => app.lines.some(({ id, error }) => id === 'b' && error?.data.string_code === 'BUSY'));
    red.answer(1, { n: 1 });
    await until(() => app.lines.some(({ id, result }) => id === 'a' && result?.n === 1));
    expect(red.calls()).toEqual(['Play a']);
  });

  test('asks one call at a time, too; what it does not understand comes back to the application', async () => {
    const { app, url } = await serve();
    const red = await toy(`${url}/red`);
    red.call(1, 'Show', { text: 'ä' });
    red.call(2, 'Show', {});
    expect(await red.answerTo(2)).toMatchObject({ kind: 'error', body: { data: { string_code: 'BUSY' } } });
    await until(() => app.requests('toy.Show').length === 1);
    expect(app.requests('toy.Show')[0].params).toEqual({ text: 'ä' });
    app.answer(app.requests('toy.Show')[0], { shown: true });
    expect(await red.answerTo(1)).toEqual({ kind: 'result', body: { shown: true } });
    app.send({ method: 'Shout', params: {} });
    await until(() => app.lines.some(({ error }) => error?.data.details === 'toys have no notifications'));
  });
});

describe('a purchase without a Check', () => {
  test('is stored, and repeated for the same toy only', async () => {
    const { journal } = await openJournal(undefined, { clock: new FakeClock() });
    const { app, url } = await serve(journal);
    const red = await toy(`${url}/red`);
    red.call(1, 'Buy', { order: 'x' });
    await until(() => app.requests('toy.Buy').length === 1);
    app.answer(app.requests('toy.Buy')[0], { paid: true });
    expect(await red.answerTo(1)).toEqual({ kind: 'result', body: { paid: true } });
    const again = await toy(`${url}/red`);
    again.call(7, 'Buy', { order: 'x' });
    expect(await again.answerTo(7)).toEqual({ kind: 'result', body: { paid: true } });
    expect(app.requests('toy.Buy')).toHaveLength(1);
    const blue = await toy(`${url}/blue`);
    blue.call(1, 'Buy', { order: 'x' });
    await until(() => app.requests('toy.Buy').length === 2);
    app.answer(app.requests('toy.Buy')[1], { paid: 'by blue' });
    expect(await blue.answerTo(1)).toEqual({ kind: 'result', body: { paid: 'by blue' } });
  });

  test('ends with TIMEOUT when the toy waits no longer, and is handed over again when it is repeated', async () => {
    const { journal } = await openJournal(undefined, { clock: new FakeClock() });
    const { app, url, clock } = await serve(journal);
    const red = await toy(`${url}/red`);
    red.call(1, 'Buy', { order: 'x' });
    await until(() => app.requests('toy.Buy').length === 1);
    clock.advance(8000);
    expect(await red.answerTo(1)).toMatchObject({
      kind: 'error',
      body: { data: { string_code: 'TIMEOUT' } },
    });
    red.call(2, 'Buy', { order: 'x' });
    await until(() => app.requests('toy.Buy').length === 2);
    app.answer(app.requests('toy.Buy')[1], { paid: true });
    expect(await red.answerTo(2)).toEqual({ kind: 'result', body: { paid: true } });
  });
});
