import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { connect, type NatsConnection } from '@nats-io/transport-node';

interface Ports {
  readonly client: number;
  readonly cluster: number;
  readonly monitor: number;
}

/** NATS servers of our own with JetStream: one alone, or a cluster; each with free ports and a folder of its own. */
export class NatsServers {
  readonly folder = mkdtempSync(path.join(tmpdir(), 'nats-'));
  readonly #ports: readonly Ports[];
  readonly #processes = new Map<number, ChildProcess>();
  readonly #clients: NatsConnection[] = [];

  readonly #more: readonly string[];

  private constructor(ports: readonly Ports[], more: readonly string[]) {
    this.#ports = ports;
    this.#more = more;
  }

  /** `more`: lines of their configuration. */
  static async start(count = 1, more: readonly string[] = []): Promise<NatsServers> {
    const ports = await freePorts(3 * count);
    const servers = new NatsServers(
      Array.from({ length: count }, (_, at) => ({
        client: ports[3 * at] ?? 0,
        cluster: ports[3 * at + 1] ?? 0,
        monitor: ports[3 * at + 2] ?? 0,
      })),
      more,
    );
    await Promise.all(servers.#ports.map((_, at) => servers.restart(at)));
    return servers;
  }

  get count(): number {
    return this.#ports.length;
  }

  /** `127.0.0.1:4222,…`, beginning with one of them. */
  hosts(first = 0): string {
    const all = this.#ports.map(({ client }) => `127.0.0.1:${client}`);
    return [...all.slice(first), ...all.slice(0, first)].join(',');
  }

  endpoint(prefix: string, first = 0): string {
    return `nats://${this.hosts(first)}/${prefix}`;
  }

  /** Starts one, also after it was killed; resolves when its JetStream is well. */
  async restart(at: number): Promise<void> {
    const { client, cluster, monitor } = this.#portsOf(at);
    const store = path.join(this.folder, `n${at}`);
    mkdirSync(store, { recursive: true });
    const routes = this.#ports.map((ports) => `nats://127.0.0.1:${ports.cluster}`).join(', ');
    const config = [
      `server_name: n${at}`,
      `listen: 127.0.0.1:${client}`,
      `http: 127.0.0.1:${monitor}`,
      `jetstream { store_dir: "${store}", max_file_store: 1G, max_memory_store: 64M }`,
      ...(this.count > 1
        ? [`cluster { name: test, listen: 127.0.0.1:${cluster}, routes: [${routes}] }`]
        : []),
      ...this.#more,
    ];
    const file = path.join(this.folder, `n${at}.conf`);
    writeFileSync(file, config.join('\n'));
    const child = spawn('nats-server', ['-c', file], { stdio: 'ignore' });
    this.#processes.set(at, child);
    await this.isWell(at);
  }

  /** Resolves when the server says that it is healthy. */
  async isWell(at: number): Promise<void> {
    const { monitor } = this.#portsOf(at);
    const child = this.#processes.get(at);
    for (;;) {
      if (child?.exitCode !== null) throw new Error('nats-server does not start');
      const answer = await fetch(`http://127.0.0.1:${monitor}/healthz`).catch(() => undefined);
      if (answer?.ok === true) return;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** SIGKILL: as a machine that loses its power, but for what the system has not written. */
  async kill(at: number): Promise<void> {
    const child = this.#processes.get(at);
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  }

  /** Stands still until `resume`: as a machine that is cut off. */
  pause(at: number): void {
    this.#processes.get(at)?.kill('SIGSTOP');
  }

  resume(at: number): void {
    this.#processes.get(at)?.kill('SIGCONT');
  }

  /** A client of the test's own, which reconnects for ever. */
  async client(): Promise<NatsConnection> {
    const client = await connect({
      servers: this.hosts().split(','),
      maxReconnectAttempts: -1,
      reconnectTimeWait: 50,
    });
    this.#clients.push(client);
    return client;
  }

  async stop(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.close()));
    for (const at of this.#processes.keys()) await this.kill(at);
    rmSync(this.folder, { recursive: true, force: true });
  }

  #portsOf(at: number): Ports {
    const ports = this.#ports[at];
    if (ports === undefined) throw new RangeError(`there is no server ${at}`);
    return ports;
  }
}

/** Held together until all are known, so that no two are the same. */
async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const ports = servers.map((server) => {
    const address = server.address();
    return typeof address === 'object' ? (address?.port ?? 0) : 0;
  });
  await Promise.all(servers.map((server) => once(server.close(), 'close')));
  return ports;
}
