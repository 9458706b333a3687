import type { ChannelName } from '../base/channel-name.ts';
import type { Logger } from '../base/log.ts';
import type { Attachment, Channels } from '../channel/channel.ts';
import type { AttachmentPool } from '../channel/pool.ts';
import type { PeerConnection } from '../dialect/dialect.ts';
import type { TransactionLock } from '../store/lock.ts';
import type { Wire } from '../wire/wire.ts';
import type { BridgeContext, BridgeOptions } from './bridge-options.ts';
import { connectionName, wantsOf } from './connection-endpoints.ts';
import type { JournalDeskOptions } from './journal/desk-options.ts';
import { JournalDesk } from './journal-desk.ts';
import { Judge } from './judge.ts';
import { Session } from './session.ts';

const NOT_FOUND_AFTER_MS = 5000;
const NO_CODES: ReadonlySet<string> = new Set();

export interface SessionsOptions {
  readonly wire: Wire;
  readonly options: BridgeOptions;
  readonly context: BridgeContext;
  readonly pool: AttachmentPool;
  readonly lock: TransactionLock;
  /** The random part of the first connection's name. */
  readonly firstToken: string;
  /** One has ended, and is not among them any more. */
  readonly ended: (outcome: 'clean' | 'unknown') => void;
}

/** The connections on one wire. */
export class Sessions implements Iterable<Session> {
  readonly #options: SessionsOptions;
  readonly #open = new Set<Session>();
  #begun = 0;

  constructor(options: SessionsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#open.size;
  }

  /** Whether any has ever begun. */
  get haveBegun(): boolean {
    return this.#begun > 0;
  }

  /** The connections of the moment: one that ends meanwhile does no harm. */
  [Symbol.iterator](): Iterator<Session> {
    return [...this.#open].values();
  }

  /** Opens a connection and attaches its channels. The log is the connection's own. */
  begin(
    peer: PeerConnection,
    { identity, register }: { readonly identity: string | undefined; readonly register: string | undefined },
  ): { readonly session: Session; readonly log: Logger } {
    const { wire, options, context, lock, firstToken, ended } = this.#options;
    const { dialect } = options;
    const token = this.#begun === 0 ? firstToken : context.randomId();
    const name = connectionName(wire, options, token, identity);
    this.#begun += 1;
    const log = context.log.with({ connection: name });
    const identifiers = options.identity ?? dialect.transactions.identity;
    const { amount, currency, scope } = dialect.transactions;
    const among = scope === 'identity' ? identity : (register ?? '');
    const judge = new Judge({
      outcomeCodes: options.outcomeCodes ?? NO_CODES,
      names: { receipt: identifiers[0] ?? '', amount, currency },
      log,
    });
    const notFoundAfterMs = options.notFoundAfterMs ?? NOT_FOUND_AFTER_MS;
    const session: Session = new Session(peer, {
      ...options,
      name,
      token,
      register,
      scope: among,
      peerIdentity: identity,
      peerText: wire.peer.text,
      version: context.version,
      channels: this.#channels(name, identity),
      identity: identifiers,
      notFoundAfterMs,
      carried: options.carried ?? {},
      judge,
      lock,
      desk: this.#desk(name, among ?? '', log, { judge, notFoundAfterMs }),
      pid: context.pid,
      ...(context.refused !== undefined && { refused: context.refused }),
      clock: context.clock,
      log,
      statistics: context.statistics,
      ended: (outcome) => {
        this.#open.delete(session);
        ended(outcome);
      },
    });
    this.#open.add(session);
    context.statistics.count('connections opened');
    log.info('connected', { dialect: dialect.name, peer: wire.peer.text });
    session.start();
    return { session, log };
  }

  #desk(
    connection: string,
    scope: string,
    log: Logger,
    rules: Pick<JournalDeskOptions, 'judge' | 'notFoundAfterMs'>,
  ): JournalDesk | undefined {
    const { context, options, wire } = this.#options;
    const { journal, clock } = context;
    if (journal === undefined) return undefined;
    const { repeatWindowMs, outcomeWaitMs } = options;
    const { address } = wire.peer;
    return new JournalDesk({
      ...rules,
      journal,
      register: scope,
      connection,
      ...(address !== undefined && { peer: address }),
      repeatWindowMs,
      outcomeWaitMs,
      clock,
      log,
    });
  }

  #channels(connection: string, identity: string | undefined): Channels {
    const { options, wire, context, pool } = this.#options;
    const channels = new Map<ChannelName, Attachment>();
    for (const { channel, want } of wantsOf(options, { connection, identity }, wire, context)) {
      channels.set(channel, pool.get(want));
    }
    return channels;
  }
}
