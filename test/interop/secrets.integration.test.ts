import { writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { withCheckDigit } from '../base/mask/networks.ts';
import type { TestApplication } from '../kit/application.ts';
import type { TestRegister } from '../kit/register.ts';
import { frameAround, settledLog } from './abuse-kit.ts';
import { exitedWith, type Running, Workbench } from './kit.ts';

/**
 * What must not be in a log is put everywhere, and then every byte of the log is searched for it. Cards are invented.
 */

let bench: Workbench;
beforeEach(async () => {
  bench = await Workbench.open();
});
afterEach(() => bench.close());

const CARDS = [
  '411111222233334',
  '37828224631000',
  '67591234567',
  '621234567890123456',
  '40000000000000123',
].map(withCheckDigit);
/** Fails the Luhn check, and is hidden in card fields all the same. */
const LONG_NUMBER = '98765432109876543211';
const [CARD = ''] = CARDS;

const inGroups = (digits: string, joiner: string) => digits.replace(/\d{4}(?=\d)/g, `$&${joiner}`);
const escaped = (text: string) =>
  text.replace(/./g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
const quoted = (text: string) => JSON.stringify(text);

/** A JSON object, as text, and what nobody may find of it. */
interface Carrier {
  readonly json: string;
  readonly secret: string;
}

function disguisesOf(digits: string): string[] {
  const spaced = inGroups(digits, ' ');
  return [
    `{"text":"${digits}"}`,
    `{"text":${digits}}`,
    `{"text":-${digits}}`,
    `{"text":${digits}.0}`,
    `{"text":${digits[0]}.${digits.slice(1)}e${digits.length - 1}}`,
    `{"text":"${spaced}"}`,
    `{"text":"${inGroups(digits, '-')}"}`,
    `{"text":"${inGroups(digits, ' - ')}"}`,
    `{"text":"${inGroups(digits, '\u00a0')}"}`,
    `{"text":"${inGroups(digits, '\\u00a0')}"}`,
    `{"text":"${inGroups(digits, '\\t')}"}`,
    `{"text":"${[...digits].join(' ')}"}`,
    `{"text":"\\u003${digits[0]}${digits.slice(1)}"}`,
    `{"text":"${escaped(digits)}"}`,
    `{"text":"${escaped(spaced)}"}`,
    `{"text":"Karte ${digits}, gültig bis 12/29"}`,
    `{"text":"(${digits})"}`,
    `{"text":"x${digits}y"}`,
    `{"text":"https://shop.example/?n=${digits}&m=1"}`,
    `{"text":"https://shop.example/?n=${inGroups(digits, '%20')}"}`,
    `{"text":["${digits}",[${digits}]]}`,
    `{"${digits}":1}`,
    `{"${escaped(digits)}":{"a":"${spaced}"}}`,
    `{"text":${quoted(quoted(digits))}}`,
    `{"text":${quoted(`{"pan":"${escaped(digits)}"}`)}}`,
    `{"text":${quoted(quoted(quoted(`{"a":["${spaced}"]}`)))}}`,
    `{"text":";${digits}=29121011234567890?"}`,
    `{"text":"%B${digits}^DOE/JOHN^29121011234567890000?"}`,
    `{"pan":"${digits}"}`,
    `{"card":{"number":${digits}}}`,
  ];
}

const CARD_FIELDS = [
  'card_number',
  'cardNumber',
  'CARD-NUMBER',
  'pan',
  'PAN',
  'account_number',
  'primaryAccountNumber',
];
const SECRET_FIELDS = [
  ...['api_key', 'apiKey', 'API-KEY', 'Api Key', 'x_api_key', 'apikey', '\\u0061pi_key'],
  ...[
    'password',
    'Password',
    'user_password',
    'passwd',
    'pwd',
    'passphrase',
    'secret',
    'client-secret',
    'token',
  ],
  ...[
    'pin',
    'PIN',
    'card_pin',
    'pinBlock',
    'pin_block',
    'wrongPin',
    'cvv',
    'CVV2',
    'cvc',
    'card_cvc',
    'security_code',
  ],
  ...[
    'track1',
    'track_2',
    'TRACK2',
    'track_data',
    'mac',
    'MAC',
    'mac_value',
    'Authorization',
    'private_key',
    'emv_data',
  ],
];

function carriers(): Carrier[] {
  const all = CARDS.flatMap((digits) => disguisesOf(digits).map((json) => ({ json, secret: digits })));
  for (const field of CARD_FIELDS) {
    for (const value of [LONG_NUMBER, quoted(LONG_NUMBER), quoted(inGroups(LONG_NUMBER, ' '))])
      all.push({ json: `{"${field}":${value}}`, secret: LONG_NUMBER });
  }
  for (const [index, field] of SECRET_FIELDS.entries()) {
    const secret = `zebra${index}quagga`;
    const number = `7391${index + 10}8264`;
    all.push(
      { json: `{"${field}":"${secret}"}`, secret },
      { json: `{"a":{"${field}":["${secret}",{"b":"${secret}"}]}}`, secret },
      { json: `{"${field}":${number}}`, secret: number },
      { json: `{"text":${quoted(`{"${field}":"${secret}"}`)}}`, secret },
      { json: `{"text":${quoted(quoted(`{"${field}":"${secret} ${secret}"}`))}}`, secret },
    );
  }
  return all;
}

/** A text with its escapes taken off, again and again. */
function* decodings(text: string): Generator<string> {
  let decoded = text;
  for (let round = 0; round < 8; round += 1) {
    yield decoded;
    const next = decoded
      .replace(/\\+u([0-9a-fA-F]{4})/g, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)))
      .replace(/\\+[nrtbf]/g, ' ')
      .replace(/\\+(["\\/])/g, '$1')
      .replace(/%(2[0d])/gi, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)));
    if (next === decoded) return;
    decoded = next;
  }
}

/** The secrets that can be read in a log, in whatever way: with its escapes taken off, without what joins digits. */
function leaksIn(log: string, secrets: Iterable<string>): string[] {
  const views = log
    .split('\n')
    .flatMap((line) => [...decodings(line)].flatMap((text) => [text, text.replace(/[^0-9A-Za-z]/g, '')]));
  const all = views.join('\n');
  return [...new Set(secrets)].filter((secret) => all.includes(secret));
}

function expectSecret(bridge: Running, secrets: Iterable<string>): void {
  const leaks = leaksIn(bridge.errors, secrets);
  const where = bridge.errors.split('\n').filter((line) => leaksIn(line, leaks).length > 0);
  expect({ leaks, where: where.slice(0, 5).map((line) => line.slice(0, 600)) }).toEqual({
    leaks: [],
    where: [],
  });
}

test('the search finds what it should', () => {
  for (const { json, secret } of carriers()) expect(leaksIn(`x ${json}`, [secret]), json).toEqual([secret]);
  expect(leaksIn('************3334 zebra***', CARDS)).toEqual([]);
});

describe.each(['human', 'json'])('a log in %s form at level trace', (format) => {
  let application: TestApplication;
  let bridge: Running;
  let register: TestRegister;

  async function start(): Promise<void> {
    application = await bench.application();
    bridge = bench.startBridge([
      ...['--app', `unix:${bench.socketPath}`, '--log-level', 'trace', '--log-format', format],
      ...['--keepalive', 'off', '--timeout', 'Slow*=0.1'],
    ]);
    register = bridge.register();
    await application.waitFor('_Connected');
  }

  const frame = (text: string) => register.write(frameAround(text));
  const sameValue = (text: string) => JSON.stringify(JSON.parse(text));

  test('has none of what crosses, which arrives unharmed', async () => {
    await start();
    const all = carriers();
    for (const [n, { json }] of all.entries()) {
      frame(`{"jsonrpc":"2.0","id":"r${n}","method":"Print","params":${json}}`);
      const request = await application.waitFor((line) => application.requests('Print').indexOf(line) === n);
      expect(request.text.endsWith(`"method":"Print","params":${json}}`)).toBe(true);
      const data = `{"string_code":"DECLINED","details":${quoted(json)},"display_message":${quoted(json)}}`;
      const [kind, outcome] =
        n % 3 === 2 ? ['error', `{"code":1,"message":${quoted(json)},"data":${data}}`] : ['result', json];
      application.send(`{"jsonrpc":"2.0","id":"${request.message?.id}","${kind}":${outcome}}\n`);
      const answer = await register.waitFor(({ id }) => id === `r${n}`);
      expect(sameValue(JSON.stringify(answer[kind as 'result']))).toBe(sameValue(outcome));

      application.send(`{"jsonrpc":"2.0","method":"PosMessage","params":${json}}\n`);
      application.send(`{"jsonrpc":"2.0","id":${n},"method":"Ask${n}","params":${json}}\n`);
      const asked = await register.waitFor(`Ask${n}`);
      expect(JSON.stringify(asked.params)).toBe(sameValue(json));
      frame(`{"jsonrpc":"2.0","id":${quoted(asked.id ?? '')},"result":${json}}`);
      const back = await application.waitFor(
        ({ message }) => message?.id === (n as unknown) && message?.result !== undefined,
      );
      expect(back.text.endsWith(`"result":${json}}`)).toBe(true);
      frame(`{"jsonrpc":"2.0","method":"Note","params":${json}}`);
      frame(`{"jsonrpc":"2.0","method":"_Info","params":${json}}`);
      frame(
        `{"jsonrpc":"2.0","method":"_Error","params":{"error":{"code":1,"message":${quoted(json)},"data":${json}}}}`,
      );
    }
    expect((await register.request('_Keepalive')).result).toEqual({});
    await settledLog(bridge);
    expect(bridge.errors).toMatch(/frame in/);
    expect(bridge.errors).toMatch(/line out/);
    expect(bridge.errors).toMatch(/peer says _Info/);
    expectSecret(
      bridge,
      all.map(({ secret }) => secret),
    );
  });

  // A number alone is an id like any other.
  test('has none of what stands in methods, ids, connections, late answers, complaints', async () => {
    await start();
    for (const digits of CARDS) {
      for (const name of [digits, `Pay ${inGroups(digits, ' ')}`, `api_key=${digits}`]) {
        void register.request(name, {}, { id: `a ${name}` });
        await application.waitFor(({ message }) => message?.method === name);
        application.send({ jsonrpc: '2.0', id: `a ${name}`, result: {} });
        application.send({ jsonrpc: '2.0', id: `a ${name}`, result: {} });
        application.send({ jsonrpc: '2.0', id: `late ${name}`, error: { code: 1, message: name } });
        application.send({ jsonrpc: '2.0', id: `b ${name}`, method: `_${name}`, params: {} });
        application.send({ jsonrpc: '2.0', id: 7, result: [Number(digits)] });
        application.send({ connection: `to ${name}`, jsonrpc: '2.0', id: 'a', result: {} });
        application.send({ connection: `to ${name}`, jsonrpc: '2.0', id: `c ${name}`, method: name });
        frame(`{"jsonrpc":"2.0","id":${quoted(`nothing ${name}`)},"result":{}}`);
        frame(`{"jsonrpc":"2.0","method":${quoted(`_${name}`)},"params":{}}`);
        expect((await register.request(`_${name}`, {}, { id: `d ${name}` })).error).toBeDefined();
        expect((await register.request(`Slow ${name}`)).error?.data.string_code).toBe('TIMEOUT');
      }
    }
    await settledLog(bridge);
    expect(bridge.errors).toMatch(/an answer to nothing that is open/);
    expectSecret(bridge, CARDS);
  });

  test('has none of what an application says that is no message, cut anywhere', async () => {
    await start();
    const secrets = ['zebra1quagga', 'zebra2quagga', CARD, LONG_NUMBER];
    const texts = [
      `{"jsonrpc":"2.0","id":"x","result":{"api_key":"zebra1quagga","text":"${CARD}","pan":"${LONG_NUMBER}","pin":"zebra2quagga"}}`,
      `{"jsonrpc":"2.0","method":"PosMessage","params":{"a":${quoted(`{"password":"zebra1quagga","n":"${inGroups(CARD, ' ')}"}`)}}}`,
      `Traceback: PAN ${LONG_NUMBER}, password: zebra1quagga, ${inGroups(CARD, '-')} api_key=zebra2quagga;`,
    ];
    for (const text of texts) {
      for (let at = 1; at < text.length; at += 1) {
        application.send(`${text.slice(0, at)}\n`);
        application.send(`${text.slice(at)}\n`);
      }
    }
    void register.request('Print', {}, { id: 'last' });
    const { message } = await application.waitFor((line) => application.requests('Print').includes(line));
    application.send({ jsonrpc: '2.0', id: message?.id, result: {} });
    await register.waitFor(({ id }) => id === 'last');
    await settledLog(bridge);
    expect(bridge.errors).toMatch(/refused/);
    // Cut inside its name or its value nobody can know what it was: what is whole is hidden, and of what has a name no
    // piece is shown.
    expectSecret(
      bridge,
      secrets.filter(
        (secret) => secret !== 'zebra1quagga' && secret !== 'zebra2quagga' && secret !== LONG_NUMBER,
      ),
    );
    const named = bridge.errors
      .split('\n')
      .filter((line) => /(?:api_?key|password|pin)\W{1,16}zebra/i.test([...decodings(line)].join(' ')));
    expect(named.slice(0, 5)).toEqual([]);
  });

  test('has none of the last words of a register, nor of a purchase whose outcome is unknown', async () => {
    await start();
    const purchase = { receipt_id: '17', sequence_id: '1', amount: 1, currency: 'EUR', note: CARD };
    void register.request('Purchase', purchase, { id: 'p' });
    await application.waitFor('Purchase');
    const text = `card ${CARD}, password=zebra1quagga`;
    register.notify('_CloseReason', {
      error: { code: 1, message: text, data: { string_code: `E ${CARD}`, details: text } },
    });
    await bridge.says('the peer says goodbye');
    bridge.signal('SIGTERM');
    await register.closed;
    register.end();
    expect(await bridge.exited).toEqual(exitedWith(111));
    expect(bridge.errors).toMatch(/outcome of a transaction is unknown/);
    expectSecret(bridge, [CARD, 'zebra1quagga']);
  });

  test('has none of frames that are cut anywhere', async () => {
    const listen = bench.path('wire.sock');
    const args = [
      '--app',
      'null:',
      '--listen',
      `unix:${listen}`,
      '--log-level',
      'trace',
      '--log-format',
      format,
    ];
    const { server } = await bench.startServe(args);
    const text = `{"jsonrpc":"2.0","id":"a1","method":"Print","params":{"api_key":"zebra1quagga","a":${quoted(`{"pwd":"zebra2quagga"}`)},"pan":"${LONG_NUMBER}","n":${CARD},"t":"${inGroups(CARD, ' ')}","pin":7391826455,"track2":"${CARD}=29121011234567890"}}`;
    const cuts = Array.from({ length: text.length }, (_, at) => at);
    const whole = frameAround(text);
    const send = async (bytes: Buffer) => {
      const register = await bench.register({ path: listen });
      register.write(bytes);
      register.end();
      await register.closed;
      register.destroy();
    };
    for (const at of cuts) {
      if (at > 0) await send(frameAround(text.slice(0, at)));
      if (at > 0) await send(frameAround(text.slice(at)));
      await send(whole.subarray(0, at));
    }
    await send(Buffer.concat([Buffer.from('0000001'), whole]));
    await send(whole);
    await settledLog(server);
    expect(server.errors).toMatch(/frame in/);
    expectSecret(server, [CARD]);
    // Named values are hidden as soon as the name is whole, up to where the text ends.
    const lines = server.errors.split('\n').map((line) => [...decodings(line)].join(' '));
    expect(lines.filter((line) => /(?:api_key|pwd)\W{1,16}zeb/.test(line)).slice(0, 3)).toEqual([]);
    expect(
      lines
        .filter((line) => /"pan\W{1,16}\d{12}|"pin\W{1,16}7391|"track2\W{1,16}\d{12}/.test(line))
        .slice(0, 3),
    ).toEqual([]);
  });

  test('has none of what was cut before it was logged', async () => {
    await start();
    const shown = CARD.slice(0, 12);
    // A method is counted by its first 64 characters, a goodbye is kept by its first 256 and 1024.
    const pad = (length: number) => '·'.repeat(length - CARD.length + 1);
    void register.request(`${pad(64)}${CARD}`, {}, { id: 'm' });
    const { message } = await application.waitFor((line) => application.requests().includes(line));
    application.send({ jsonrpc: '2.0', id: message?.id, result: {} });
    await register.waitFor(({ id }) => id === 'm');
    await settledLog(bridge);
    register.notify('_CloseReason', {
      error: {
        code: 1,
        message: `${pad(1024)}${CARD}`,
        data: { string_code: `${pad(256)}${CARD}`, details: '' },
      },
    });
    await register.closed;
    register.end();
    expect(await bridge.exited).toEqual(exitedWith(0));
    expectSecret(bridge, [shown]);
  });

  test('has none of the reason for which a WebSocket was closed, or of its path', async () => {
    const args = [
      '--app',
      'null:',
      '--listen',
      'ws://127.0.0.1:0/jsonpos',
      '--log-level',
      'trace',
      '--log-format',
      format,
    ];
    const { server, port } = await bench.startServe(args);
    const origin = `https://till:zebra1quagga@${CARD}.example`;
    for (const [path, options] of [
      [`/${CARD}?api_key=zebra1quagga`, {}],
      ['/jsonpos', { origin }],
    ] as const) {
      const refused = new WebSocket(`ws://127.0.0.1:${port}${path}`, 'jsonrpc2.0', options);
      await new Promise((resolve) => refused.once('error', resolve));
    }
    const ws = new WebSocket(`ws://127.0.0.1:${port}/jsonpos?password=zebra1quagga`, 'jsonrpc2.0');
    await new Promise((resolve) => ws.once('open', resolve));
    ws.close(4000, `card ${inGroups(CARD, ' ')} password=zebra1quagga`);
    await server.says('disconnected');
    await settledLog(server);
    expectSecret(server, [CARD, 'zebra1quagga']);
  });

  test('has no secret of the names and places that it was started with', async () => {
    const args = ['--log-level', 'trace', '--log-format', format, '--name', 'till'];
    const path = bench.path(`${CARD}.sock`);
    application = await bench.application(() => ({ result: {} }), { path });
    const { server } = await bench.startServe([
      ...args,
      '--app',
      `unix:${path}`,
      '--listen',
      `unix:${bench.path(`l-${CARD}`)}`,
    ]);
    register = await bench.register({ path: bench.path(`l-${CARD}`) });
    expect((await register.request('Status')).result).toEqual({});
    await application.kill();
    expect((await register.request('Status')).error).toBeDefined();
    await server.says('application not there');
    await settledLog(server);
    expectSecret(server, [CARD]);
  });
});

describe('an error about an option', () => {
  const SECRET = 'zebra1quagga';
  const ADDRESSES = [
    `ws://till:${SECRET}@127.0.0.1:1/pos`,
    `wss://${SECRET}@pos.example/`,
    `https://till:${SECRET}@pos.example/`,
    `tcp:till:${SECRET}@127.0.0.1:1`,
    `tcp://till:${SECRET}@127.0.0.1:1`,
    `unix:/run/pay.sock?password=${SECRET}`,
    `simulator:?api_key=${SECRET}`,
    `nats://till:${SECRET}@nats.example:4222`,
    `fifo:?token=${SECRET}`,
    `ws://127.0.0.1:1/?pin=${SECRET}&x=\\`,
    `fd:${CARD}`,
    `serial:/dev/ttyS0?pan=${CARD}`,
  ];

  test.each(ADDRESSES)('does not repeat what is secret in %s', async (address) => {
    const config = bench.path('config.json');
    writeFileSync(config, JSON.stringify({ app: address, listen: address }));
    for (const [args, env] of [
      [['--app', address], {}],
      [['--wire', address, '--app', 'null:', '--log-level', 'trace'], {}],
      [['serve', '--listen', address, '--app', 'null:', '--log-format', 'json'], {}],
      [['serve', '--config', config], {}],
      [[], { POSBRIDGE_APP: address }],
    ] as [string[], NodeJS.ProcessEnv][]) {
      const bridge = bench.startBridge(args, { env });
      bridge.child.stdin?.end();
      const { code } = await bridge.exited;
      expect([0, 100, 111], args.join(' ')).toContain(code);
      expectSecret(bridge, [SECRET, CARD]);
    }
  });

  test.each([
    [['--api-key', SECRET]],
    [[`--password=${SECRET}`]],
    [['--app', 'null:', '--lock', `/nowhere/password=${SECRET}`]],
    [['--app', 'null:', '--route', `api_key:${SECRET}`]],
    [['--app', 'null:', '--keepalive', `pin=${SECRET}`]],
    [['--config', `/nowhere/token=${SECRET}`]],
    [['--app', 'null:', `pwd=${SECRET}`]],
    [['--app', 'null:', '--log-level', `secret:${SECRET}`]],
    [['--app', 'null:', '--max-frame', CARD]],
    [['--app', 'null:', '--name', inGroups(CARD, ' ')]],
    [['--app', 'null:', '--log-level', `${'x'.repeat(200 - CARD.length + 1)}${CARD}`]],
    [['--app', `${'x'.repeat(200 - CARD.length + 1)}${CARD}`]],
    [['--app', 'null:', '--dialect', `${'x'.repeat(64 - CARD.length + 1)}${CARD}`]],
  ])('does not repeat what is secret in %j', async (args) => {
    const bridge = bench.startBridge(args);
    bridge.child.stdin?.end();
    expect([100, 111]).toContain((await bridge.exited).code);
    expect(bridge.errors).toMatch(/^posbridge: /);
    expectSecret(bridge, [SECRET, CARD.slice(0, 12)]);
  });
});
