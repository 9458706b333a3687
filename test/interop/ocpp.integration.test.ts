import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ACTIONS, type Action, actionRow } from '../../src/dialect/ocpp/actions.ts';
import { REQUESTS } from '../dialect/ocpp/payloads.ts';
import { Postgres } from '../kit/postgres.ts';
import { exitedWith, Workbench } from './kit.ts';
import {
  type Any,
  BOOT,
  charger,
  METER,
  methodsOf,
  operator,
  RawChargePoint,
  rpcClient,
  START,
  startCentral,
  stopOf,
  tsClient,
} from './ocpp-kit.ts';
import { TCPSERVER } from './super-servers.ts';

let bench: Workbench;
beforeEach(async () => {
  bench = await Workbench.open();
});
afterEach(() => bench.close());

describe('a charge point of the package ocpp-rpc', () => {
  test('boots, authorizes, starts, meters, stops, and answers three calls of an application', async () => {
    const application = await bench.application(operator);
    const { url } = await startCentral(bench);
    const client = rpcClient({ endpoint: url, identity: 'CP001' });
    client.handle('RemoteStartTransaction', () => ({ status: 'Accepted' }));
    client.handle('GetConfiguration', ({ params }: Any) => ({
      configurationKey: [],
      unknownKey: params.key,
    }));
    await client.connect();
    expect(await client.call('BootNotification', BOOT)).toMatchObject({ status: 'Accepted', interval: 300 });
    expect(await client.call('Authorize', { idTag: '04A1B2C3D4' })).toEqual({
      idTagInfo: { status: 'Accepted' },
    });
    const { transactionId } = await client.call('StartTransaction', START);
    expect(await client.call('MeterValues', { ...METER, transactionId })).toEqual({});
    expect(await client.call('StopTransaction', stopOf(transactionId))).toEqual({});
    expect(methodsOf(application)).toEqual([
      'ocpp.Authorize',
      'ocpp.StartTransaction',
      'ocpp.MeterValues',
      'ocpp.StopTransaction',
    ]);

    const { attachment } = application;
    const ask = (id: string, method: string, params: object) =>
      attachment.send({ jsonrpc: '2.0', id, method, params });
    const answerTo = (id: string) =>
      expect.poll(
        () =>
          application.lines.find(({ message }) => message?.id === id && message.method === undefined)
            ?.message,
      );
    ask('r1', 'ocpp.RemoteStartTransaction', { idTag: '04A1B2C3D4', connectorId: 1 });
    ask('r2', 'ocpp.GetConfiguration', { key: ['a'] });
    ask('r3', 'ocpp.ClearCache', {});
    await answerTo('r1').toMatchObject({ result: { status: 'Accepted' } });
    await answerTo('r2').toMatchObject({ result: { unknownKey: ['a'] } });
    await answerTo('r3').toMatchObject({
      error: { code: -32601, data: { ocppCode: 'NotImplemented', chargePoint: 'CP001' } },
    });
    await client.close();

    const [row] = await charger(bench, 'export');
    expect(row).toMatchObject({
      id: transactionId,
      meter_start: 1204,
      meter_stop: 2204,
      id_tag: '04A1B2C3D4',
    });
    expect(row.meter_values).toMatchObject([{ value: '1310', unit: 'Wh' }]);
  });
});

describe('a charge point of the package ocpp-ts', () => {
  test('boots, authorizes, starts, meters, stops, and answers a call of an application', async () => {
    const application = await bench.application(operator);
    const { url } = await startCentral(bench);
    const client = tsClient('CP002');
    client.on('error', () => {});
    client.on('RemoteStopTransaction', (_: Any, answer: (payload: object) => void) =>
      answer({ status: 'Rejected' }),
    );
    await new Promise((resolve) => {
      client.on('connect', resolve);
      client.connect(`${url}/`);
    });
    expect(await client.callRequest('BootNotification', BOOT)).toMatchObject({ status: 'Accepted' });
    expect(await client.callRequest('Authorize', { idTag: 'A' })).toEqual({
      idTagInfo: { status: 'Accepted' },
    });
    const { transactionId } = await client.callRequest('StartTransaction', START);
    await client.callRequest('MeterValues', { ...METER, transactionId });
    application.attachment.send({
      jsonrpc: '2.0',
      id: 'r',
      method: 'ocpp.RemoteStopTransaction',
      params: { transactionId },
    });
    await expect
      .poll(() => application.lines.find(({ message }) => message?.id === 'r')?.message)
      .toMatchObject({ result: { status: 'Rejected' } });
    await client.callRequest('StopTransaction', stopOf(transactionId));
    client.close?.();
    expect(await charger(bench, 'transactions', '--json')).toMatchObject([
      { id: transactionId, meter_stop: 2204 },
    ]);
  });
});

describe('posbridge charge-point', () => {
  test('plays its script, also without a connection, and nothing of the transaction is lost', async () => {
    await bench.application(operator);
    const { url } = await startCentral(bench);
    const script = 'boot,authorize,start 2 TAG-7,wait 1,offline 1,meter 2,stop 2';
    const point = bench.start('posbridge', [
      'charge-point',
      '--to',
      `${url}/CP%201`,
      '--script',
      script,
      '--meter-every',
      '200ms',
    ]);
    expect(await point.exited).toEqual(exitedWith(0));
    const [row] = await charger(bench, 'export', 'CP 1');
    expect(row).toMatchObject({ connector_id: 2, id_tag: 'TAG-7', stop_reason: 'Local' });
    expect(row.meter_values.length).toBeGreaterThan(3);
    expect(row.meter_stop).toBeGreaterThan(row.meter_start);
  });

  test('answers every call of a central system as the schemas want it', async () => {
    const application = await bench.application(operator);
    const { url } = await startCentral(bench);
    const args = ['charge-point', '--to', `${url}/CP001`, '--script', 'boot', '--stay'];
    const point = bench.start('posbridge', args);
    await application.waitFor('ocpp.StatusNotification');
    const actions = (Object.keys(ACTIONS) as Action[]).filter(
      (action) => actionRow(action).fromCentralSystem,
    );
    for (const action of [...actions.filter((action) => action !== 'Reset'), 'Reset' as const]) {
      application.send({ jsonrpc: '2.0', id: action, method: `ocpp.${action}`, params: REQUESTS[action] });
      const { message } = await application.waitFor(
        ({ message }) => message?.id === action && message.method === undefined,
      );
      expect(message).toHaveProperty('result');
    }
    expect(actions).toHaveLength(26);
    point.signal('SIGTERM');
    expect(await point.exited).toEqual(exitedWith(0));
  });

  test('whose step comes to nothing ends with 1', async () => {
    await bench.application(() => ({ result: { idTagInfo: { status: 'Blocked' } } }));
    const { url } = await startCentral(bench);
    const args = ['charge-point', '--to', `${url}/CP001`, '--script', 'boot,authorize'];
    expect(await bench.start('posbridge', args).exited).toEqual(exitedWith(1));
  });
});

describe('one application for all charge points', () => {
  test('names the one that it means by its identity', async () => {
    const { server, url } = await startCentral(bench, ['--app', 'fd:3'], {
      stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
    });
    const application = bench.applicationOver(server.end(3), operator);
    const points = await Promise.all(
      ['CP001', 'CP002'].map((name) => RawChargePoint.booted(`${url}/${name}`)),
    );
    const ask = (id: string, more: object) =>
      application.send({ ...more, jsonrpc: '2.0', id, method: 'ocpp.Reset', params: { type: 'Soft' } });
    ask('r', { identity: 'CP002' });
    const call = await points[1]?.until(() => points[1]?.frames.find(([type]) => type === 2));
    expect(call?.[2]).toBe('Reset');
    points[1]?.ws.send(JSON.stringify([3, call?.[1], { status: 'Accepted' }]));
    const { message } = await application.waitFor(
      ({ message }) => message?.id === 'r' && message.method === undefined,
    );
    expect(message).toMatchObject({ result: { status: 'Accepted' } });
    ask('unknown', { identity: 'CP009' });
    const refused = await application.waitFor(({ message }) => message?.id === 'unknown');
    expect(refused.message).toHaveProperty('error');
    expect(points[0]?.frames.filter(([type]) => type === 2)).toEqual([]);
  });
});

describe('four applications', () => {
  const NAMES = ['payment', 'storage', 'ui', 'device'] as const;
  const CHANNELS: Readonly<Partial<Record<Action, string>>> = {
    Authorize: 'payment',
    BootNotification: 'device',
    DataTransfer: 'device',
    DiagnosticsStatusNotification: 'device',
    FirmwareStatusNotification: 'device',
    LogStatusNotification: 'device',
    MeterValues: 'storage',
    SecurityEventNotification: 'storage',
    SignCertificate: 'device',
    SignedFirmwareStatusNotification: 'device',
    StartTransaction: 'payment',
    StatusNotification: 'ui',
    StopTransaction: 'payment',
  };

  test('each get exactly their actions, and ask one charge point at one time, each with its own answer', async () => {
    const places = NAMES.map((name) => bench.path(`${name}.sock`));
    const answer = ({ method }: { readonly method?: string }) =>
      ['ocpp.SignCertificate', 'ocpp.DataTransfer'].includes(method ?? '')
        ? { result: { status: 'Accepted' } }
        : operator({ ...(method !== undefined && { method }) });
    const apps = await Promise.all(places.map((path) => bench.application(answer, { path })));
    const { url } = await startCentral(bench, [
      ...NAMES.flatMap((name, index) => [`--${name}`, `unix:${places[index]}`]),
      ...['--app', 'null:', '--data-transfer', '*=device'],
    ]);
    const point = await RawChargePoint.booted(`${url}/CP001`);
    const actions = Object.keys(CHANNELS) as Action[];
    for (const action of actions.filter((action) => action !== 'BootNotification')) {
      expect([action, (await point.call(action, REQUESTS[action]))[0]]).toEqual([action, 3]);
    }
    const heard = (index: number) =>
      apps[index]?.lines
        .map(({ message }) => message?.method ?? '')
        .filter((method) => method.startsWith('ocpp.'))
        .sort();
    const wanted = (name: string) =>
      actions.filter((action) => CHANNELS[action] === name).map((action) => `ocpp.${action}`);
    for (const [index, name] of NAMES.entries())
      await expect.poll(() => heard(index)).toEqual(wanted(name).sort());

    apps[0]?.send({ jsonrpc: '2.0', id: 1, method: 'ocpp.ClearCache', params: {} });
    const isCall = ([type]: Any) => type === 2;
    const first = await point.until(() => point.frames.find(isCall));
    apps[3]?.send({ jsonrpc: '2.0', id: 1, method: 'ocpp.Reset', params: { type: 'Soft' } });
    expect((await point.call('Heartbeat', {}))[0]).toBe(3);
    expect(point.frames.filter(isCall)).toHaveLength(1);
    point.ws.send(JSON.stringify([3, first[1], { status: 'Rejected' }]));
    const second = await point.until(() => point.frames.filter(isCall)[1]);
    point.ws.send(JSON.stringify([3, second[1], { status: 'Accepted' }]));
    const results = await Promise.all(
      [apps[0], apps[3]].map((app) => app?.waitFor(({ message }) => message?.result !== undefined)),
    );
    expect(results.map((line) => line?.message?.result)).toEqual([
      { status: 'Rejected' },
      { status: 'Accepted' },
    ]);
  });
});

describe('an application', () => {
  test('that answers twice, wrongly, under another id, with null, or dies, does no harm', async () => {
    const application = await bench.application(() => undefined);
    const { url } = await startCentral(bench);
    const point = await RawChargePoint.booted(`${url}/CP001`);
    const asked = async (action: string, payload: object) => {
      const id = point.send(action, payload);
      const { message, attachment } = await application.waitFor(`ocpp.${action}`);
      application.lines.length = 0;
      const answered = () => point.until(() => point.frames.find(([type, of]) => type !== 2 && of === id));
      return {
        answered,
        attachment,
        say: (more: object) => attachment.send({ jsonrpc: '2.0', id: message?.id, ...more }),
      };
    };
    const accepted = { result: { idTagInfo: { status: 'Accepted' } } };

    const twice = await asked('Authorize', { idTag: 'A' });
    twice.attachment.send({ jsonrpc: '2.0', id: 'nobody', result: { idTagInfo: { status: 'Blocked' } } });
    twice.say(accepted);
    twice.say({ result: { idTagInfo: { status: 'Blocked' } } });
    expect((await twice.answered())[2]).toEqual(accepted.result);

    const invalid = await asked('Authorize', { idTag: 'B' });
    invalid.say({ result: { idTagInfo: { status: 'Perhaps' } } });
    expect((await invalid.answered()).slice(2, 3)).toEqual(['InternalError']);
    const told = await application.waitFor(({ message }) => message?.error !== undefined);
    expect(told.message?.error?.data).toMatchObject({ string_code: 'JSONRPC_INVALID_PARAMS' });

    const empty = await asked('MeterValues', METER);
    empty.say({ result: null });
    expect((await empty.answered())[2]).toEqual({});
    const nothing = await asked('Authorize', { idTag: 'C' });
    nothing.say({ result: null });
    expect((await nothing.answered())[2]).toBe('InternalError');

    const dying = await asked('Authorize', { idTag: 'D' });
    dying.attachment.socket.destroy();
    expect((await dying.answered())[2]).toBe('InternalError');
    expect((await point.call('Heartbeat', {}))[0]).toBe(3);
    expect(point.frames.filter(([type]) => type === 2)).toEqual([]);
  });

  test('gets its ids back as they were; a batch is refused, and a notification is a call without an answer', async () => {
    const application = await bench.application(operator);
    const { url } = await startCentral(bench);
    const point = await RawChargePoint.booted(`${url}/CP001`);
    const { attachment } = await application.waitFor('ocpp.BootNotification');
    const texts = ['7', '"seven"', '12345678901234567890123', '-1.50'];
    for (const [index, text] of texts.entries()) {
      attachment.send(`{"jsonrpc":"2.0","id":${text},"method":"ocpp.ClearCache","params":{}}\n`);
      const call = await point.until(() => point.frames.filter(([type]) => type === 2)[index]);
      point.ws.send(JSON.stringify([3, call[1], { status: 'Accepted' }]));
      await application.waitFor(({ text: line }) => line.includes(`"id":${text},"result"`));
    }
    attachment.send('[{"jsonrpc":"2.0","id":1,"method":"ocpp.ClearCache"}]\n');
    await application.waitFor(({ message }) => message?.error !== undefined);
    attachment.send({ jsonrpc: '2.0', method: 'ocpp.ClearCache', params: {} });
    const call = await point.until(() => point.frames.filter(([type]) => type === 2)[texts.length]);
    const before = application.lines.length;
    point.ws.send(JSON.stringify([3, call[1], { status: 'Accepted' }]));
    expect((await point.call('Authorize', { idTag: 'A' }))[0]).toBe(3);
    expect(application.lines.slice(before).map(({ message }) => message?.method)).toEqual(['ocpp.Authorize']);
  });
});

describe('messages', () => {
  test('cut into WebSocket fragments, and into bytes on the line, are one message', async () => {
    await bench.application(operator);
    const { url, port } = await startCentral(bench);
    const point = await RawChargePoint.booted(`${url}/CP001`);
    const text = '[2,"split","Heartbeat",{}]';
    for (const [index, letter] of [...text].entries())
      point.ws.send(letter, { fin: index === text.length - 1 });
    expect(await point.until(() => point.frames.find(([, id]) => id === 'split'))).toMatchObject([
      3,
      'split',
      {},
    ]);

    const socket = bench.keep(connect({ host: '127.0.0.1', port }));
    socket.setNoDelay(true);
    socket.write(
      'GET /ocpp/CP001 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: ocpp1.6\r\n\r\n',
    );
    await new Promise((resolve) => socket.once('data', resolve));
    const frame = Buffer.concat([Buffer.from([0x81, 0x80 | text.length, 0, 0, 0, 0]), Buffer.from(text)]);
    const answer = new Promise<string>((resolve) =>
      socket.on('data', (data) => resolve(data.toString('latin1'))),
    );
    for (const byte of frame) {
      socket.write(Buffer.from([byte]));
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await answer).toContain('[3,"split",{"currentTime":');
  });

  test('that are too large end the connection with 1009, and ten broken ones with 1002; binary ones with 1003', async () => {
    await bench.application(operator);
    const { server, url } = await startCentral(bench);
    const large = await RawChargePoint.booted(`${url}/CP001`);
    large.ws.send('x'.repeat(1_100_000));
    await large.until(() => undefined);
    expect(large.closed?.code).toBe(1009);
    const broken = await RawChargePoint.booted(`${url}/CP001`);
    for (let count = 0; count < 10; count += 1) broken.ws.send('[');
    await broken.until(() => undefined);
    expect(broken.closed?.code).toBe(1002);
    const binary = await RawChargePoint.booted(`${url}/CP001`);
    binary.ws.send(Buffer.from('[2,"a","Heartbeat",{}]'));
    await binary.until(() => undefined);
    expect(binary.closed?.code).toBe(1003);
    expect((await RawChargePoint.booted(`${url}/CP001`)).closed).toBeUndefined();
    expect(server.isRunning).toBe(true);
  });
});

describe('the end', () => {
  test('comes within the limit although an application hangs; charge points see a close frame with 1001', async () => {
    const application = await bench.application(() => undefined);
    const { server, url } = await startCentral(bench);
    const point = await RawChargePoint.booted(`${url}/CP001`);
    point.send('Authorize', { idTag: 'A' }, 'hang');
    await application.waitFor('ocpp.Authorize');
    server.signal('SIGTERM');
    expect(await server.exited).toEqual(exitedWith(0));
    expect(point.frames.at(-1)).toMatchObject([4, 'hang', 'InternalError', expect.any(String), {}]);
    await point.until(() => undefined);
    expect(point.closed?.code).toBe(1001);
    const rows = await charger(bench, 'frames', 'CP001', '--json');
    expect(rows.at(-1)).toMatchObject({ direction: 'out', kind: 'error', action: 'Authorize' });
  });
});

describe('PostgreSQL', () => {
  test('shared by one process for each connection: the newest one of a charge point wins', async () => {
    const postgres = await Postgres.start();
    try {
      const { place } = await TCPSERVER.start(bench, [
        'posbridge',
        ...['--websocket', '--dialect', 'ocpp1.6', '--database', postgres.url, '--app', 'simulator:'],
      ]);
      const url = `ws://127.0.0.1:${'port' in place ? place.port : 0}/ocpp/CP001`;
      const older = await RawChargePoint.booted(url);
      const { transactionId } = (await older.call('StartTransaction', START))[2];
      const newer = await RawChargePoint.open(url);
      expect((await newer.call('StartTransaction', START))[2]).toMatchObject({ transactionId });
      await older.until(() => undefined);
      expect(older.closed?.code).toBe(1000);
      expect((await newer.call('Heartbeat', {}))[0]).toBe(3);
      expect(newer.closed).toBeUndefined();
      const looking = bench.start('posbridge', ['charger', 'list', '--json', '--database', postgres.url]);
      const [line = ''] = (await looking.stdout.waitFor(/^\{.*\}$/m)) as string[];
      expect(JSON.parse(line)).toMatchObject({ identity: 'CP001', online: true });
      newer.ws.close();
      await newer.until(() => undefined);
    } finally {
      await postgres.stop();
    }
  });

  test('killed and started again under load: nobody hears that something was kept which was not, and the process lives on', async () => {
    const postgres = await Postgres.start();
    try {
      await bench.application(operator);
      const { server, url } = await startCentral(bench, ['--database', postgres.url]);
      const points = await Promise.all(
        [1, 2, 3, 4].map((number) => RawChargePoint.booted(`${url}/CP${number}`)),
      );
      let isOver = false;
      const answered: { readonly point: number; readonly meterStart: number; readonly id: number }[] = [];
      const refused = new Set<number>();
      const load = points.map(async (point, index) => {
        for (let meterStart = 0; !isOver; ) {
          const answer = await point.call('StartTransaction', { ...START, meterStart });
          if (answer === undefined) throw new Error('the connection was lost');
          if (answer[0] === 3) {
            answered.push({ point: index + 1, meterStart, id: answer[2].transactionId });
            meterStart += 1;
          } else {
            expect(answer[2]).toBe('InternalError');
            refused.add(index);
            await new Promise((resolve) => setTimeout(resolve, 20));
          }
        }
      });
      for (let kill = 0; kill < 2; kill += 1) {
        const before = answered.length;
        await expect.poll(() => answered.length).toBeGreaterThan(before + 40);
        await postgres.kill();
        await server.says(/the database cannot be written/);
        await postgres.restart();
      }
      const before = answered.length;
      await expect.poll(() => answered.length).toBeGreaterThan(before + 40);
      isOver = true;
      await Promise.all(load);
      expect(refused.size).toBeGreaterThan(0);
      expect(new Set(answered.map(({ id }) => id)).size).toBe(answered.length);
      const looking = bench.start('posbridge', ['charger', 'export', '--database', postgres.url]);
      const { stdout } = looking;
      await looking.exited;
      await stdout.ended;
      const rows = new Map(
        stdout.lines.map((line): [number, Any] => [JSON.parse(line).id, JSON.parse(line)]),
      );
      for (const { point, meterStart, id } of answered)
        expect(rows.get(id)).toMatchObject({ charge_point: `CP${point}`, meter_start: meterStart });
      expect(server.isRunning).toBe(true);
    } finally {
      await postgres.stop();
    }
  });
});
