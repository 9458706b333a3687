import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import {
  type LineMessage,
  type SpawnedApplication,
  spawnApplication,
  TestApplication,
} from '../kit/application.ts';

export const EXAMPLES = path.resolve(import.meta.dirname, '../../examples');

/** One of the example applications, in a folder of its own, and bridges at its socket. */
export class Example {
  readonly folder = mkdtempSync(path.join(tmpdir(), 'posbridge-'));
  readonly #name: string;
  readonly #socket = path.join(this.folder, 'pay.sock');
  readonly #bridges: TestApplication[] = [];
  #application: SpawnedApplication | undefined;
  #ids = 0;

  constructor(name: string) {
    this.#name = name;
  }

  async close(): Promise<void> {
    for (const bridge of this.#bridges) await bridge.kill();
    await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }

  async start(delaySeconds: number, env: Record<string, string> = {}): Promise<void> {
    this.#application = await spawnApplication(path.join(EXAMPLES, this.#name), {
      args: [this.#socket],
      env: { DELAY: String(delaySeconds), ...env },
      socket: this.#socket,
    });
  }

  async kill(): Promise<void> {
    await this.#application?.kill();
  }

  get exited(): Promise<unknown> | undefined {
    return this.#application?.exited;
  }

  async attach(connection = 'c1', params: object = {}): Promise<TestApplication> {
    const bridge = await TestApplication.connect({ path: this.#socket });
    this.#bridges.push(bridge);
    this.tell(bridge, '_Connected', { connection, ...params }, connection);
    return bridge;
  }

  tell(bridge: TestApplication, method: string, params: object, connection = 'c1'): void {
    bridge.send({ connection, jsonrpc: '2.0', method, params });
  }

  async ask(
    bridge: TestApplication,
    method: string,
    params: object | string = {},
    connection = 'c1',
  ): Promise<LineMessage> {
    this.#ids += 1;
    const id = `r-${this.#ids}`;
    const text = typeof params === 'string' ? params : JSON.stringify(params);
    bridge.send(
      `{"connection":"${connection}","jsonrpc":"2.0","id":"${id}","method":"${method}","params":${text}}\n`,
    );
    const { message } = await bridge.waitFor((line) => line.message?.id === id);
    return message as LineMessage;
  }
}
