import { isoTime, type Timer } from '../../base/clock.ts';
import { describeFault } from '../../base/errors.ts';
import type { LogFields, Logger } from '../../base/log.ts';
import type { ConversationHost, ErrandHost, PeerConnection } from '../dialect.ts';
import type { CentralEvents } from './central-events.ts';
import { Courier } from './courier.ts';
import type { DataTransferRule } from './data-transfer.ts';
import type { OpenDatabase } from './database/open.ts';
import { CentralStore } from './database/store.ts';
import type { NewFrame, Registration } from './database/tables.ts';
import { maskFrame } from './mask-frame.ts';

/** What the user has decided for all charge points. */
export interface CentralSettings {
  /** Seconds between heartbeats. */
  readonly heartbeatS: number;
  /** How a BootNotification of a charge point is answered. */
  registrationOf(identity: string): Registration;
  /** Whose payloads are repaired. */
  isLenient(identity: string): boolean;
  /** Messages for an application that is away are kept, and delivered later. */
  readonly usesSpool: boolean;
  readonly framesKeepMs: number;
  readonly dataTransfer: readonly DataTransferRule[];
}

/** A charge point that is connected. */
export interface ConnectedChargePoint {
  readonly identity: string;
  /** What applications ask it through. */
  readonly peer: PeerConnection;
  /** Ends its connection. */
  turnOut(why: string): void;
}

const CONNECTED_AGAIN = 'the charge point has connected again';
const HOUR_MS = 3_600_000;

/** What all charge points of this process share: the database, who is connected, and the settings. */
export class Central {
  readonly settings: CentralSettings;
  readonly #database: OpenDatabase;
  /** Somebody looks at what happens. */
  events: CentralEvents | undefined;
  readonly #connected = new Map<string, ConnectedChargePoint>();
  #store: CentralStore | undefined;
  #log: Logger | undefined;
  #unsaid: (() => void) | undefined;
  #courier: Courier | undefined;
  #pruning: Timer | undefined;

  constructor(settings: CentralSettings, database: OpenDatabase) {
    this.settings = settings;
    this.#database = database;
  }

  /** The store, with the clock and the log of the server, else of the only conversation. */
  store(host: Pick<ConversationHost, 'clock' | 'log' | 'statistics'>): CentralStore {
    if (this.#store === undefined) {
      const { clock, log, statistics } = host;
      this.#log = log;
      this.#unsaid?.();
      this.#store = new CentralStore(this.#database, {
        clock,
        log,
        statistics,
        superseded: (identity) => this.turnOut(identity, CONNECTED_AGAIN),
      });
      this.#prune(this.#store, host);
    }
    return this.#store;
  }

  /** The newest connection of a charge point wins: after a cut line the old one may look alive for minutes. */
  enter(chargePoint: ConnectedChargePoint): void {
    const { identity } = chargePoint;
    const older = this.#connected.get(identity);
    this.#connected.set(identity, chargePoint);
    older?.turnOut(CONNECTED_AGAIN);
    this.events?.connected(identity);
  }

  /** True: no newer connection has taken its place. */
  leave(chargePoint: ConnectedChargePoint): boolean {
    if (this.#connected.get(chargePoint.identity) !== chargePoint) return false;
    this.#connected.delete(chargePoint.identity);
    this.events?.disconnected(chargePoint.identity);
    return true;
  }

  /** Delivers, from now on, what is spooled for charge points that are not connected. */
  begin(host: ErrandHost): void {
    const store = this.store(host);
    if (!this.settings.usesSpool) return;
    this.#courier = new Courier({ host, store, isConnected: (identity) => this.#connected.has(identity) });
  }

  /** Resolves when nothing is on its way for a charge point that has been away. */
  async quiet(identity: string): Promise<void> {
    await this.#courier?.quiet(identity);
  }

  turnOut(identity: string, why: string): void {
    this.#courier?.stop(identity);
    this.#connected.get(identity)?.turnOut(why);
  }

  get connectedIdentities(): readonly string[] {
    return [...this.#connected.keys()];
  }

  /** For the log, which is there from the first connection on; the last thing before that is said then. */
  note(level: 'info' | 'error', event: string, fields: LogFields): void {
    if (this.#log === undefined) this.#unsaid = () => this.note(level, event, fields);
    else this.#log[level](event, fields);
  }

  peerOf(identity: string): PeerConnection | undefined {
    return this.#connected.get(identity)?.peer;
  }

  get database(): OpenDatabase {
    return this.#database;
  }

  get isDatabaseAway(): boolean {
    return this.#store?.isAway ?? false;
  }

  get connected(): number {
    return this.#connected.size;
  }

  frame(store: CentralStore, frame: Omit<NewFrame, 'text'>, text: string): void {
    const masked = { ...frame, text: maskFrame(text) };
    store.frame(masked);
    this.events?.frame(masked);
  }

  async close(): Promise<void> {
    this.#pruning?.cancel();
    this.#courier?.close();
    if (this.#store === undefined) await this.#database.close();
    else await this.#store.close();
  }

  /** Now and every hour. */
  #prune(store: CentralStore, host: Pick<ConversationHost, 'clock' | 'log'>): void {
    const { clock, log } = host;
    const before = isoTime({ ...clock, wallMs: () => clock.wallMs() - this.settings.framesKeepMs });
    store.prune(before).catch((fault: unknown) => {
      log.warn('old frames could not be removed', { why: describeFault(fault) });
    });
    this.#pruning = clock.after(HOUR_MS, () => this.#prune(store, host));
  }
}
