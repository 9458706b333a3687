import { createRequire } from 'node:module';
import { connect } from 'node:net';
import { expect } from 'vitest';
import WebSocket from 'ws';
import type { TestApplication } from '../kit/application.ts';
import { exitedWith, type Running, type StartOptions, type Workbench } from './kit.ts';

const require = createRequire(import.meta.url);

// biome-ignore lint/suspicious/noExplicitAny: payloads of any shape
export type Any = any;

/** A central system in a process of its own, with its database in the test's folder. */
export async function startCentral(
  bench: Workbench,
  args: readonly string[] = [],
  options?: StartOptions,
  program: readonly string[] = ['posbridge'],
): Promise<{ readonly server: Running; readonly url: string; readonly port: number }> {
  const has = (option: string) => args.includes(option);
  const [command = '', ...before] = program;
  const server = bench.start(
    command,
    [
      ...before,
      'serve',
      '--dialect',
      'ocpp1.6',
      ...(has('--listen') ? [] : ['--listen', 'ws://127.0.0.1:0/ocpp']),
      ...(has('--database') ? [] : ['--database', `sqlite:${bench.path('ocpp.db')}`]),
      ...(has('--app') ? [] : ['--app', `unix:${bench.socketPath}`]),
      ...args,
    ],
    options,
  );
  const [, url = ''] = await server.says(/listening(?: on="?|","on":")([^\s"]+)/);
  return { server, url, port: Number(new URL(url).port) };
}

/** Lines of `posbridge charger`, as objects. */
export async function charger(bench: Workbench, ...args: readonly string[]): Promise<Any[]> {
  const database = args.includes('--database') ? [] : ['--database', `sqlite:${bench.path('ocpp.db')}`];
  const looking = bench.start('posbridge', ['charger', ...args, ...database]);
  const { stdout } = looking;
  expect(await looking.exited).toEqual(exitedWith(0));
  await stdout.ended;
  return stdout.lines.map((line) => JSON.parse(line));
}

export const BOOT = { chargePointVendor: 'VendorX', chargePointModel: 'SingleSocketCharger' };
export const START = {
  connectorId: 1,
  idTag: '04A1B2C3D4',
  meterStart: 1204,
  timestamp: '2026-02-01T21:00:00Z',
};
export const METER = {
  connectorId: 1,
  meterValue: [{ timestamp: '2026-02-01T21:05:00Z', sampledValue: [{ value: '1310', unit: 'Wh' }] }],
};
export const stopOf = (transactionId: number) => ({
  transactionId,
  meterStop: 2204,
  timestamp: '2026-02-01T22:00:00Z',
});

/** Answers as an operator does who lets everybody charge. */
export function operator(message: { readonly method?: string }): { result: Any } | undefined {
  switch (message.method) {
    case 'ocpp.Authorize':
    case 'ocpp.StartTransaction':
      return { result: { idTagInfo: { status: 'Accepted' } } };
    default:
      return { result: {} };
  }
}

/** The requests that an application has had, methods alone. */
export function methodsOf(application: TestApplication): string[] {
  return application.lines
    .map(({ message }) => message)
    .filter((message) => message?.id !== undefined && message.method !== undefined)
    .map((message) => message?.method ?? '');
}

/** A charge point of our own that does as it is told: text in, text out. */
export class RawChargePoint {
  readonly frames: Any[] = [];
  closed: { readonly code: number; readonly reason: string } | undefined;
  readonly ws: WebSocket;
  #ids = 0;
  readonly #watchers = new Set<() => void>();

  private constructor(ws: WebSocket) {
    this.ws = ws;
    ws.on('message', (data) => {
      this.frames.push(JSON.parse(data.toString()));
      for (const watch of [...this.#watchers]) watch();
    });
    ws.on('error', () => {});
    ws.on('close', (code, reason) => {
      this.closed = { code, reason: reason.toString() };
      for (const watch of [...this.#watchers]) watch();
    });
  }

  /** Rejects with the status where it is refused. */
  static open(url: string, options: Any = {}, protocols: string[] = ['ocpp1.6']): Promise<RawChargePoint> {
    return new Promise((resolve, reject) => {
      const ws = new WebSocket(url, protocols, options);
      const point = new RawChargePoint(ws);
      ws.on('unexpected-response', (_, response) => {
        reject(new Error(`${response.statusCode}`));
        ws.terminate();
      });
      ws.once('error', reject);
      ws.once('open', () => resolve(point));
    });
  }

  /** Of one that has booted. */
  static async booted(url: string): Promise<RawChargePoint> {
    const point = await RawChargePoint.open(url);
    await point.call('BootNotification', { chargePointVendor: 'V', chargePointModel: 'M' });
    return point;
  }

  send(action: string, payload: unknown, id = `${++this.#ids}`): string {
    this.ws.send(JSON.stringify([2, id, action, payload]));
    return id;
  }

  async call(action: string, payload: unknown, id?: string): Promise<Any> {
    const sent = this.send(action, payload, id);
    return this.until(() => this.frames.find(([type, of]) => type !== 2 && of === sent));
  }

  /** Resolves with what `look` finds; undefined once the connection is closed. */
  until<T>(look: () => T | undefined): Promise<T | undefined> {
    return new Promise((resolve) => {
      const watch = () => {
        const found = look();
        if (found === undefined && this.closed === undefined) return;
        this.#watchers.delete(watch);
        resolve(found);
      };
      this.#watchers.add(watch);
      watch();
    });
  }
}

/** What a server answers to a request as it stands. */
export function httpStatus(port: number, request: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port });
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
    });
    socket.on('error', reject);
    socket.on('close', () => resolve(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1] ?? text));
    socket.write(request);
  });
}

/** A charge point of the package ocpp-rpc. */
export function rpcClient(options: Any): Any {
  const { RPCClient } = require('ocpp-rpc');
  return new RPCClient({ protocols: ['ocpp1.6'], strictMode: true, reconnect: false, ...options });
}

/** A charge point of the package ocpp-ts. */
export function tsClient(identity: string): Any {
  const { OcppClient } = require('ocpp-ts');
  return new OcppClient(identity);
}
