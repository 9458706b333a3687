import { createRequire } from 'node:module';
import { Worker } from 'node:worker_threads';
import type { CompiledQuery, DatabaseConnection, Driver, QueryResult } from 'kysely';

/** Rows of a query, or how many a change has touched. */
interface Reply {
  readonly rows?: Record<string, unknown>[];
  readonly changes?: number;
  readonly fault?: { readonly message: string; readonly code?: string };
}

interface Question {
  readonly settle: (reply: Reply) => void;
}

/**
 * A driver of kysely for a SQLite file that a thread of its own has open: a sync to disk, or the wait for another
 * process's lock, would hold up every connection of this process otherwise.
 */
export class SqliteDriver implements Driver {
  readonly #path: string;
  #connection: WorkerConnection | undefined;
  /** Resolved when the connection is free. */
  #turn: Promise<void> = Promise.resolve();
  #free: (() => void) | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  async init(): Promise<void> {
    this.#connection = await WorkerConnection.open(this.#path);
  }

  async acquireConnection(): Promise<DatabaseConnection> {
    const before = this.#turn;
    let free = (): void => {};
    this.#turn = new Promise((resolve) => {
      free = resolve;
    });
    await before;
    this.#free = free;
    if (this.#connection === undefined) throw new Error('the database is closed');
    return this.#connection;
  }

  async releaseConnection(): Promise<void> {
    this.#free?.();
  }

  async beginTransaction(connection: WorkerConnection): Promise<void> {
    await connection.ask('begin immediate', []);
  }

  async commitTransaction(connection: WorkerConnection): Promise<void> {
    await connection.ask('commit', []);
  }

  async rollbackTransaction(connection: WorkerConnection): Promise<void> {
    await connection.ask('rollback', []);
  }

  async destroy(): Promise<void> {
    const connection = this.#connection;
    this.#connection = undefined;
    await connection?.close();
  }
}

class WorkerConnection implements DatabaseConnection {
  readonly #worker: Worker;
  readonly #questions: Question[] = [];
  #fault: string | undefined;

  private constructor(path: string) {
    const require = createRequire(import.meta.filename);
    // The function is text here, so that it needs no file of its own beside the bundle.
    this.#worker = new Worker(`(${serve.toString()})(require)`, {
      eval: true,
      workerData: { path, library: require.resolve('libsql') },
    });
    this.#worker.on('message', (reply: Reply) => this.#questions.shift()?.settle(reply));
    this.#worker.on('error', (fault) => this.#broken(fault.message));
    this.#worker.on('exit', () => this.#broken('the database is closed'));
    this.#worker.unref();
  }

  static async open(path: string): Promise<WorkerConnection> {
    const connection = new WorkerConnection(path);
    await connection.ask('select 1', []);
    return connection;
  }

  async executeQuery<R>({ sql, parameters }: CompiledQuery): Promise<QueryResult<R>> {
    const { rows = [], changes } = await this.ask(sql, parameters);
    return { rows: rows as R[], ...(changes !== undefined && { numAffectedRows: BigInt(changes) }) };
  }

  // biome-ignore lint/correctness/useYield: kysely wants the method; nothing here streams
  async *streamQuery<R>(): AsyncIterableIterator<QueryResult<R>> {
    throw new Error('not supported');
  }

  ask(sql: string, parameters: readonly unknown[]): Promise<Reply> {
    return new Promise((resolve, reject) => {
      if (this.#fault !== undefined) {
        reject(new SqliteFault(this.#fault));
        return;
      }
      this.#worker.ref(); // the program waits for this answer
      this.#questions.push({
        settle: (reply) => {
          if (this.#questions.length === 0) this.#worker.unref();
          if (reply.fault === undefined) resolve(reply);
          else reject(new SqliteFault(reply.fault.message, reply.fault.code));
        },
      });
      this.#worker.postMessage([sql, parameters]);
    });
  }

  async close(): Promise<void> {
    await this.ask('pragma optimize', []).catch(() => undefined);
    await this.#worker.terminate();
  }

  #broken(why: string): void {
    this.#fault ??= why;
    for (const { settle } of this.#questions.splice(0)) settle({ fault: { message: why } });
  }
}

export class SqliteFault extends Error {
  readonly code: string | undefined;

  constructor(message: string, code?: string) {
    super(message);
    this.name = 'SqliteFault';
    this.code = code;
  }
}

/** Runs in the thread, and refers to nothing outside itself. */
function serve(require: NodeJS.Require): void {
  const { parentPort, workerData } = require('node:worker_threads') as typeof import('node:worker_threads');
  interface Statement {
    readonly reader: boolean;
    all(parameters: readonly unknown[]): Record<string, unknown>[];
    run(parameters: readonly unknown[]): { readonly changes: number };
  }
  const Database = require(workerData.library) as new (
    path: string,
  ) => { prepare(sql: string): Statement; pragma(text: string): unknown; exec(sql: string): void };
  const database = new Database(workerData.path);
  database.pragma('busy_timeout = 5000');
  database.pragma('journal_mode = WAL');
  database.pragma('synchronous = FULL');
  /** The few texts that come again and again. */
  const statements = new Map<string, Statement>();
  const prepared = (sql: string): Statement => {
    const known = statements.get(sql);
    if (known !== undefined) return known;
    const statement = database.prepare(sql);
    if (/^(select|insert|update|delete)/i.test(sql) && statements.size < 100 && sql.length < 2000)
      statements.set(sql, statement);
    return statement;
  };
  parentPort?.on('message', ([sql, parameters]: [string, readonly unknown[]]) => {
    try {
      if (/^(begin|commit|rollback)/.test(sql)) {
        database.exec(sql);
        parentPort.postMessage({});
        return;
      }
      const statement = prepared(sql);
      if (statement.reader) parentPort.postMessage({ rows: statement.all(parameters) });
      else parentPort.postMessage({ changes: statement.run(parameters).changes });
    } catch (fault) {
      const { message, code } = fault as Error & { readonly code?: string };
      parentPort.postMessage({ fault: { message, code } });
    }
  });
}
