import { systemClock } from '../base/clock.ts';
import { describeFault } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import { LogLevels } from '../base/log-levels.ts';
import { type LogSink, openLogSink } from '../base/log-sink.ts';
import { createLogger, describeLostLines } from '../base/logger.ts';
import { randomId } from '../base/random-id.ts';
import { Statistics } from '../base/statistics.ts';
import type { StatusSource } from '../base/status.ts';
import type { Tap } from '../base/tap.ts';
import type { BridgeContext, BridgeOptions } from '../bridge/bridge-options.ts';
import type { ChannelContext } from '../channel/kind.ts';
import { AttachmentPool } from '../channel/pool.ts';
import { Presence } from '../channel/presence.ts';
import { findDialect } from '../dialect/registry.ts';
import type { Simulator, SimulatorModule } from '../dialect/simulator.ts';
import { placeholdersOf } from '../endpoint/expand.ts';
import { EXIT } from './exit-codes.ts';
import { type Journals, openJournals } from './journal-options.ts';
import { readLogOptions } from './log-options.ts';
import { readNatsAccess } from './nats-options.ts';
import { readFolder } from './readers.ts';
import type { Settings } from './settings.ts';
import { stopSignals } from './stop-signals.ts';
import type { Terminals } from './terminals.ts';
import { version } from './version.ts';

/** What stands behind `simulator:` for this dialect. */
async function simulatorOf(dialect: string | undefined): Promise<SimulatorModule> {
  const own = dialect === undefined ? undefined : findDialect(dialect)?.simulator;
  return own === undefined ? import('../terminal/simulator.ts') : own();
}

/** What a dialect or a simulator may have to give back at the end. */
interface Closable {
  close?(): Promise<void>;
}

/** Until the first answers are given. */
const STATUS_DELAY_MS = 100;
/** Connections that statistics name one by one. */
const MAX_TOLD = 100;

/** What every command needs of the process: log, signals, the context of bridges. */
export class Program {
  readonly log: Logger;
  readonly #context: Omit<BridgeContext, 'journal'>;
  #journals: Journals = {};
  readonly #owned = new Set<Closable>();
  #terminals: Promise<Terminals> | undefined;
  #simulator: Simulator | undefined;
  readonly #sink: LogSink;
  readonly #startedMs = systemClock.nowMs();
  #stop: (() => void) | undefined;
  #isStopping = false;
  /** Whoever has connections. */
  #source: StatusSource | undefined;
  readonly #levels: LogLevels;

  /** Rejects with a BridgeError when the journal cannot be opened, after `tell` has told whoever waits. */
  static async start(
    settings: Settings,
    tell: (fault: unknown, program: Program) => Promise<void> = async () => {},
  ): Promise<Program> {
    const captureOf = settings.isGiven('capture')
      ? (await import('./capture-option.ts')).captureOf(settings)
      : undefined;
    const program = new Program(settings, captureOf);
    for (const warning of settings.warnings) program.log.warn(warning);
    try {
      program.#journals = await openJournals(settings, { log: program.log });
    } catch (fault) {
      await tell(fault, program);
      throw fault;
    }
    if (settings.isGiven('status')) await program.#openStatus(settings);
    else if (readFolder(settings, 'status-dir') !== undefined) program.#openStatusSoon(settings);
    return program;
  }

  private constructor(settings: Settings, captureOf: ((log: Logger) => Tap & Closable) | undefined) {
    const { level, ...render } = readLogOptions(settings);
    this.#sink = openLogSink(2, describeLostLines(render));
    this.#levels = new LogLevels(level);
    this.log = createLogger({ ...render, level: this.#levels, sink: this.#sink });
    const tap = captureOf?.(this.log);
    if (tap !== undefined) this.own(tap);
    const options: ChannelContext = {
      ...(tap !== undefined && { tap }),
      clock: systemClock,
      log: this.log,
      statistics: new Statistics(),
      random: Math.random,
      env: process.env,
      presence: new Presence(),
      natsAccess: readNatsAccess(settings),
      simulate: async (simulator) => {
        const { openSimulator } = await simulatorOf(settings.text('dialect'));
        const application =
          this.#simulator ?? (await openSimulator(simulator, { clock: systemClock, log: this.log }));
        this.#owned.add(application);
        return (wire) => application.attach(wire);
      },
      askTerminal: async (endpoint) => (await this.#loadTerminals(settings)).ask(endpoint),
    };
    this.#context = {
      ...options,
      version,
      pid: process.pid,
      pool: new AttachmentPool(options),
      randomId,
    };
    this.#listenToSignals();
  }

  get context(): BridgeContext {
    const { journal, journalFor } = this.#journals;
    const simulator = this.#simulator;
    return {
      ...this.#context,
      journal,
      ...(journalFor !== undefined && { journalFor }),
      ...(simulator?.refused !== undefined && { refused: (refusal) => simulator.refused?.(refusal) }),
    };
  }

  /** Puts this application behind every `simulator:` that is attached from now on; it is closed with the program. */
  useSimulator(application: Simulator): void {
    this.#simulator = application;
    this.#owned.add(application);
  }

  /** Closes this with the program. */
  own(closable: Closable): void {
    this.#owned.add(closable);
  }

  /** Rejects where a terminal behind a channel can never be asked: said at the start, not when somebody pays. */
  async tryTerminals({ channels }: Pick<BridgeOptions, 'channels'>): Promise<void> {
    for (const endpoint of channels.values()) {
      const isFixed = endpoint.kind === 'terminal' && placeholdersOf(endpoint).length === 0;
      if (isFixed) await this.#context.askTerminal(endpoint);
    }
  }

  /** What SIGTERM and SIGINT do, at once if one came already. */
  onStop(stop: () => void): void {
    this.#stop = stop;
    if (this.#isStopping) stop();
  }

  /** Whose connections the statistics and the status tell of. */
  observe(source: StatusSource): void {
    this.#source = source;
  }

  /** Gives back what the process shares and writes the last words. */
  async end(): Promise<void> {
    await this.#context.pool.close();
    for (const owned of this.#owned) {
      await owned.close?.().catch((fault: unknown) => {
        this.log.warn('not everything could be given back', { why: describeFault(fault) });
      });
    }
    await this.#journals.journal?.close();
    this.#sink.flush();
  }

  /** A file can wait until the first answers are given: nobody looks for it earlier. */
  #openStatusSoon(settings: Settings): void {
    let opening: Promise<void> | undefined;
    const timer = systemClock.after(STATUS_DELAY_MS, () => {
      opening = this.#openStatus(settings).catch((fault: unknown) => {
        this.log.warn('the status cannot be told', { why: describeFault(fault) });
      });
    });
    // What it has opened by then is closed next.
    this.own({
      close: async () => {
        timer.cancel();
        await opening;
      },
    });
  }

  /** Loaded on demand: without the options nothing of it costs anything. */
  async #openStatus(settings: Settings): Promise<void> {
    const { openStatus } = await import('./status-options.ts');
    const observed = {
      ...{ command: settings.command, startedMs: this.#startedMs, levels: this.#levels },
      isStopping: () => this.#isStopping,
      source: () => this.#source,
    };
    this.own(await openStatus(settings, observed, this.context));
  }

  /** Most bridges have none. */
  #loadTerminals(settings: Settings): Promise<Terminals> {
    this.#terminals ??= import('./terminals.ts').then(({ Terminals: Own }) => {
      const terminals = new Own(settings, this.log);
      this.own(terminals);
      return terminals;
    });
    return this.#terminals;
  }

  #listenToSignals(): void {
    for (const signal of stopSignals()) {
      process.on(signal, () => {
        if (this.#isStopping) return;
        this.#isStopping = true;
        this.log.info('stopping', { signal });
        this.#stop?.();
      });
    }
    for (const signal of ['SIGUSR2', 'SIGPWR'] as const) process.on(signal, () => this.#printStatistics());
    const bug = (fault: unknown) => {
      this.log.error('internal error', { why: describeFault(fault), fault });
      this.#sink.flush();
      process.exit(EXIT.temporary);
    };
    process.on('uncaughtException', bug);
    process.on('unhandledRejection', bug);
  }

  #printStatistics(): void {
    this.log.info('statistics', {
      'uptime s': Math.round((systemClock.nowMs() - this.#startedMs) / 1000),
      'memory MB': Math.round(process.memoryUsage.rss() / 1_000_000),
      ...this.#source?.gauges,
      ...this.#context.statistics.snapshot(),
    });
    for (const { connection, peer, since, requests } of (this.#source?.connections ?? []).slice(
      0,
      MAX_TOLD,
    )) {
      const doing = requests.map(({ method }) => method).join(', ') || 'nothing';
      this.log.info('statistics of a connection', { connection, peer, since, doing });
    }
  }
}
