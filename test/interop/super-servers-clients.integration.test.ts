import { cpSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { TestApplication } from '../kit/application.ts';
import { TestRegister } from '../kit/register.ts';
import {
  environmentOf,
  exitedWith,
  freePort,
  purchase,
  ROOT,
  type Running,
  type StartOptions,
  Workbench,
} from './kit.ts';

let bench: Workbench;
let application: TestApplication;

beforeEach(async () => {
  bench = await Workbench.open();
  application = await bench.application(({ connection = '', method = '' }) => ({
    result: { connection, method },
  }));
});

afterEach(() => bench.close());

function program(): string[] {
  return ['posbridge', '--app', `unix:${bench.socketPath}`, '--lock', bench.lockPath];
}

describe('as a UCSPI client', () => {
  interface Client {
    readonly name: string;
    readonly peer: string;
    /** Calls the register, at a port or a path. */
    readonly command: (address: { port: number; path: string }) => string[];
  }

  const CLIENTS: readonly Client[] = [
    {
      name: 'tcpclient',
      peer: '127.0.0.1',
      command: ({ port }) => ['tcpclient', '-RHl0', '127.0.0.1', String(port)],
    },
    { name: 's6-ipcclient', peer: 'unix', command: ({ path }) => ['s6-ipcclient', path] },
  ];

  /** Calls a register; the answer is the register and the program that has become posbridge. */
  async function call(
    client: Client,
    start: (words: string[]) => Running,
  ): Promise<{ bridge: Running; register: TestRegister }> {
    const place = { path: bench.path('register.sock') };
    const { port, connection } = await bench.listen(client.name === 'tcpclient' ? undefined : place);
    const bridge = start([...client.command({ port, ...place }), ...program()]);
    return { bridge, register: TestRegister.on(await connection) };
  }

  test.each(CLIENTS)(
    'under $name the wire is on 6 and 7, and /dev/null on 0 is left alone',
    async (client) => {
      const stdio: StartOptions = { stdio: ['ignore', 'pipe', 'pipe'] };
      const { bridge, register } = await call(client, ([command = '', ...args]) =>
        bench.start(command, args, stdio),
      );
      const output = bridge.stdout;
      const { message: hello } = await application.waitFor('_Connected');
      const connection = hello?.connection ?? '';
      expect(connection.startsWith(`${client.peer}.`)).toBe(true);
      expect(hello?.params).toMatchObject({ peer: client.peer, connection });
      expect(await register.request('Purchase', purchase(1))).toMatchObject({
        result: { connection, method: 'Purchase' },
      });
      register.end();
      await register.closed;
      expect(await bridge.exited).toEqual(exitedWith(0));
      expect(register.closeReason?.data.string_code).toBe('CONNECTION_CLOSED');
      expect(output.text).toBe('');
      expect(bench.processes).toEqual([]);
    },
  );

  test.each(CLIENTS)('under $name a pipe on 0 is not read and its end is no end', async (client) => {
    const { bridge, register } = await call(client, (words) =>
      bench.start('sh', ['-c', 'echo not for posbridge | "$@" | cat', 'sh', ...words]),
    );
    const output = bridge.stdout;
    for (const method of ['Status', 'Check', 'Print']) {
      expect(await register.request(method)).toMatchObject({ result: { method } });
    }
    register.end();
    await register.closed;
    expect(await bridge.exited).toEqual(exitedWith(0));
    expect(output.text).toBe('');
    expect(bridge.errors).not.toContain('protocol');
  });

  test('under tcpclient the register may hang up by reset', async () => {
    const [client] = CLIENTS;
    if (client === undefined) throw new Error('no client');
    const { port, connection } = await bench.listen();
    const [command = '', ...args] = [...client.command({ port, path: '' }), ...program()];
    const bridge = bench.start(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    const socket = await connection;
    await application.waitFor('_Connected');
    socket.resetAndDestroy();
    expect(await bridge.exited).toEqual(exitedWith(0));
    expect(bench.processes).toEqual([]);
  });
});

describe('the s6 service directory', () => {
  const SERVICE = path.join(ROOT, 'examples/s6/posbridge');

  /** What its environment needs: the stand-in for s6-tcpserver, the test's socket and lock. */
  function environment(port: number): NodeJS.ProcessEnv {
    symlinkSync(path.join(ROOT, 'test/kit/s6-tcpserver'), bench.path('bin/s6-tcpserver'));
    return {
      ADDRESS: '127.0.0.1',
      PORT: String(port),
      POSBRIDGE_APP: `unix:${bench.socketPath}`,
      POSBRIDGE_LOCK: bench.lockPath,
      POSBRIDGE_STATUS_DIR: bench.path('status'),
    };
  }

  /** One register buys something; its bridge has been started as s6 does and names it by its address. */
  async function buy(port: number): Promise<void> {
    const socket = await bench.connect({ host: '127.0.0.1', port });
    const register = TestRegister.on(socket);
    const { message: hello } = await application.waitFor('_Connected');
    const { connection, peer } = hello?.params ?? {};
    expect(peer).toBe('127.0.0.1');
    expect(connection).toMatch(/^127\.0\.0\.1\.\w{12}$/);
    const given = [
      'PROTO=TCP',
      'TCPREMOTEIP=127.0.0.1',
      `TCPREMOTEPORT=${socket.localPort}`,
      'TCPLOCALIP=127.0.0.1',
      `TCPLOCALPORT=${port}`,
      'TCPCONNNUM=1',
    ];
    const isGiven = (pid: number) => given.every((variable) => environmentOf(pid).includes(variable));
    expect(bench.processes.filter(isGiven)).toHaveLength(1);
    expect(await register.request('Purchase', purchase(1))).toMatchObject({
      result: { connection, method: 'Purchase' },
    });
    register.end();
    await register.closed;
    await application.waitFor('_Disconnected');
  }

  test('its run script tells the port on descriptor 3 when it listens, and a purchase goes through', async () => {
    const service = bench.start(path.join(SERVICE, 'run'), [], {
      cwd: SERVICE,
      env: environment(0),
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    });
    const port = await new Promise<number>((resolve) => {
      service.end(3).once('data', (text) => resolve(Number(text)));
    });
    await buy(port);
    const log = service.stdout;
    service.signal('SIGTERM');
    await service.exited;
    await log.ended;
    expect(log.text).toContain('connected');
    expect(bench.processes).toEqual([]);
  });

  test('s6-supervise sees when it is ready, and takes it down', async () => {
    const folder = bench.path('service');
    cpSync(SERVICE, folder, { recursive: true });
    const port = await freePort();
    const supervisor = bench.start('s6-supervise', [folder], { env: environment(port) });
    const log = supervisor.stdout;
    // s6-svwait wants to find what s6-supervise is only about to write.
    const isReady = async () => (await bench.start('s6-svwait', ['-U', folder]).exited).code === 0;
    while (!(await isReady())) expect(supervisor.isRunning, supervisor.errors).toBe(true);
    await buy(port);
    expect(await bench.start('s6-svc', ['-x', '-d', folder]).exited).toEqual(exitedWith(0));
    expect(await supervisor.exited).toEqual(exitedWith(0));
    await log.ended;
    expect(bench.processes).toEqual([]);
  });
});
