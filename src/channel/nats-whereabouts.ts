import type { NatsConnection, Subscription } from '@nats-io/transport-node';
import { encodeToken } from '../endpoint/token.ts';
import type { AttachmentUser } from './channel.ts';

/** Who has which identity, and since when: what processes of one prefix tell each other. */
interface Word {
  readonly connection: string;
  /** Wall clock, ms. */
  readonly since: number;
  /** Its peer has just connected, here and nowhere else: no clock decides that. */
  readonly isNew: boolean;
}

/** When users were first told of, whichever connection to NATS it was on. */
const firstTold = new WeakMap<AttachmentUser, number>();

/**
 * Of several connections with one identity, in whichever processes of one prefix, the newest is the live one. A process
 * that gets one says so on `PREFIX.here.<identity>`, where the process that has the older one listens, and ends it.
 * What was said while a connection to NATS was lost is made up for afterwards, by the times.
 */
export class Whereabouts {
  readonly #nats: NatsConnection;
  readonly #prefix: string;
  readonly #heard = new Map<string, Subscription>();

  constructor(nats: NatsConnection, prefix: string) {
    this.#nats = nats;
    this.#prefix = prefix;
  }

  enter(user: AttachmentUser): void {
    const { connection, identity, superseded } = user;
    if (identity === undefined || superseded === undefined || this.#heard.has(connection)) return;
    const subject = `${this.#prefix}.here.${encodeToken(identity)}`;
    const before = firstTold.get(user);
    const since = before ?? Date.now();
    firstTold.set(user, since);
    const say = (isNew: boolean) =>
      this.#nats.publish(subject, JSON.stringify({ connection, since, isNew } satisfies Word));
    this.#heard.set(
      connection,
      this.#nats.subscribe(subject, {
        callback: (_fault, message) => {
          const word = readWord(message.data);
          if (word === undefined || word.connection === connection) return;
          // Of two that began in one millisecond the names decide, so that both ends decide alike.
          const isNewer = word.since === since ? word.connection > connection : word.since > since;
          if (word.isNew || isNewer) superseded();
          else say(false);
        },
      }),
    );
    say(before === undefined);
  }

  leave(connection: string): void {
    this.#heard.get(connection)?.unsubscribe();
    this.#heard.delete(connection);
  }
}

/** Undefined for what another program has said. */
function readWord(data: Uint8Array): Word | undefined {
  try {
    const { connection, since, isNew } = JSON.parse(Buffer.from(data).toString()) as Partial<Word>;
    const isWord = typeof connection === 'string' && typeof since === 'number' && typeof isNew === 'boolean';
    return isWord ? { connection, since, isNew } : undefined;
  } catch {
    return undefined;
  }
}
