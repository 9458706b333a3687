import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

/**
 * A PostgreSQL of our own: its data in a new folder, reached over a UNIX socket there, so that no port has to be free.
 * It refuses to be root, so as root it runs as the user `postgres` that the Debian package has made.
 */
export class Postgres {
  readonly folder = mkdtempSync(path.join(tmpdir(), 'pg-'));
  readonly #owner = process.getuid?.() === 0 ? userIds('postgres') : {};
  #process: ChildProcess | undefined;

  static async start(): Promise<Postgres> {
    const postgres = new Postgres();
    const { uid, gid } = postgres.#owner;
    if (uid !== undefined && gid !== undefined) chownSync(postgres.folder, uid, gid);
    const data = path.join(postgres.folder, 'data');
    const options = ['-D', data, '-U', 'posbridge', '-A', 'trust', '-E', 'UTF8', '--no-sync', '--locale=C'];
    execFileSync(program('initdb'), options, { ...postgres.#owner, cwd: postgres.folder, stdio: 'pipe' });
    await postgres.restart();
    return postgres;
  }

  get url(): string {
    return `postgres://posbridge@localhost/postgres?host=${this.folder}`;
  }

  /** Starts it, also after `kill`; resolves when it lets people in. */
  async restart(): Promise<void> {
    const settings = { listen_addresses: '', unix_socket_directories: this.folder, fsync: 'off' };
    const options = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    const child = spawn(program('postgres'), ['-D', path.join(this.folder, 'data'), ...options], {
      ...this.#owner,
      cwd: this.folder,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.#process = child;
    let log = '';
    child.stderr?.setEncoding('utf8');
    for await (const text of child.stderr as AsyncIterable<string>) {
      log += text;
      if (log.includes('ready to accept connections')) break;
    }
    if (child.exitCode !== null) throw new Error(`PostgreSQL does not start: ${log}`);
  }

  /** As a crash: nothing is written any more. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  async stop(): Promise<void> {
    await this.#end('SIGQUIT');
    rmSync(this.folder, { recursive: true, force: true });
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#process;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill(signal);
    await ended;
  }
}

/** Where Debian puts programs of which several versions may be there. */
function program(name: string): string {
  const root = '/usr/lib/postgresql';
  const versions = existsSync(root) ? readdirSync(root).sort((a, b) => Number(b) - Number(a)) : [];
  const found = versions
    .map((version) => path.join(root, version, 'bin', name))
    .find((file) => existsSync(file));
  if (found === undefined) throw new Error(`${name} is missing: run scripts/set-up tests`);
  return found;
}

function userIds(user: string): { readonly uid?: number; readonly gid?: number } {
  const id = (flag: string) => Number(execFileSync('id', [flag, user], { encoding: 'utf8' }));
  return { uid: id('-u'), gid: id('-g') };
}
