import { setImmediate } from 'node:timers';
import type { Msg, NatsConnection, Subscription } from '@nats-io/transport-node';
import { describeFault } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { NatsEndpoint } from '../endpoint/endpoint.ts';
import { encodeToken } from '../endpoint/token.ts';
import type { NatsAccess } from '../nats/access.ts';
import { connectNats } from '../nats/connect.ts';
import { errorText } from '../rpc/error-object.ts';
import { prependMember, replaceMember } from '../rpc/member-edit.ts';
import { decodeString, kindOf, scanObject } from '../rpc/scan.ts';
import type { Wire, WireEvents } from '../wire/wire.ts';
import { WireFault } from '../wire/wire-fault.ts';
import { WireLife } from '../wire/wire-life.ts';
import type { AttachmentUser } from './channel.ts';
import { Whereabouts } from './nats-whereabouts.ts';

/** As much may be on its way to the server before it has to say that it has all of it. */
const MAX_UNCONFIRMED_BYTES = 256 * 1024;
/**
 * As much of what applications say waits while nobody takes it; the rest is dropped, as NATS does with slow consumers.
 */
const MAX_HELD_BYTES = 4 * 1024 * 1024;
/** How long a server that stands still keeps us from leaving. */
const FLUSH_LIMIT_MS = 1000;
/** Requests of each side whose way back is remembered; of more the oldest have waited the longest. */
const MAX_WAYS_BACK = 16_384;

export interface NatsWireContext {
  readonly log: Logger;
  readonly natsAccess?: NatsAccess;
}

/** Connects to one of the servers. Rejects with NATS_UNAVAILABLE. */
export async function openNatsWire(
  endpoint: NatsEndpoint,
  users: ReadonlyMap<string, AttachmentUser>,
  context: NatsWireContext,
): Promise<Wire> {
  const connection = await connectNats(endpoint, context.natsAccess);
  return new NatsWire(connection, endpoint.prefix, users, context.log);
}

/** Whom an answer is for. */
interface WayBack {
  readonly connection: string;
  readonly idText: string;
}

/** An application that waits for an answer. */
interface Asker {
  readonly reply: string;
  /** The id of its request, as it wrote it. */
  readonly idText: string;
}

/**
 * The lines of an attachment as messages of NATS, and back. Each line goes to a subject of its own:
 *
 * - a request or notification of a peer: `PREFIX.<channel>.<method>`, a request with a reply subject
 * - `_Connected` and the like: `PREFIX.event`
 * - an answer to an application: to the reply subject of its request
 *
 * and applications are heard on `PREFIX.to.<connection>` and `PREFIX.to.id.<identity>` as long as a connection lasts.
 * Their requests get ids of ours on the way in, since two applications may use the same ones.
 *
 * A request that no application is there for is answered with CHANNEL_UNAVAILABLE at once: the server says that nobody
 * got it.
 */
class NatsWire implements Wire {
  readonly framing = 'stream';
  readonly peer = { text: 'nats' };
  readonly #nats: NatsConnection;
  readonly #prefix: string;
  readonly #users: ReadonlyMap<string, AttachmentUser>;
  readonly #log: Logger;
  readonly #life = new WireLife();
  readonly #inbox: string;
  readonly #heard = new Map<string, readonly Subscription[]>();
  readonly #whereabouts: Whereabouts;
  readonly #waysBack = new Map<string, WayBack>();
  readonly #askers = new Map<string, Asker>();
  #count = 0;
  #unconfirmedBytes = 0;
  #isPaused = false;
  #held: Buffer[] = [];
  #heldBytes = 0;

  constructor(nats: NatsConnection, prefix: string, users: ReadonlyMap<string, AttachmentUser>, log: Logger) {
    this.#nats = nats;
    this.#prefix = prefix;
    this.#users = users;
    this.#log = log;
    this.#whereabouts = new Whereabouts(nats, prefix);
    // With one word at its end that tells the requests apart.
    this.#inbox = `_INBOX.${nats.info?.client_id ?? 0}.${crypto.randomUUID()}`;
  }

  start(events: WireEvents): void {
    this.#life.begin(events);
    this.#nats.subscribe(`${this.#inbox}.*`, {
      callback: (_fault, message) => this.#answered(message),
    });
    void this.#nats.closed().then((fault) => {
      this.#life.doom(fault ?? new WireFault('ECONNRESET', 'the connection to the NATS server is lost'));
      this.#life.close();
    });
  }

  write(bytes: Uint8Array, done: (fault?: Error) => void): void {
    if (!this.#life.take(done)) return;
    const whole = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let from = 0; from < whole.length; ) {
      const end = whole.indexOf(LF, from);
      const to = end === -1 ? whole.length : end;
      this.#publishLine(whole.subarray(from, to));
      from = to + 1;
    }
    const taken = () => this.#life.taken();
    if (this.#unconfirmedBytes < MAX_UNCONFIRMED_BYTES) {
      setImmediate(taken);
      return;
    }
    this.#unconfirmedBytes = 0;
    this.#nats.flush().then(taken, () => {}); // where it fails, `closed` follows
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    const held = this.#held;
    this.#held = [];
    this.#heldBytes = 0;
    for (const line of held) this.#life.chunk(line);
  }

  endOutput(): void {
    this.#life.endOutput();
  }

  /** What was written is still sent: the client flushes before it closes. */
  destroy(): void {
    if (!this.#life.doom()) return;
    const late = new Promise<void>((resolve) => setTimeout(resolve, FLUSH_LIMIT_MS).unref());
    void Promise.race([this.#nats.flush(), late])
      .catch(() => {})
      .then(() => this.#nats.close())
      .catch(() => {});
  }

  // Lines to applications.

  #publishLine(line: Buffer): void {
    const { values } = scanObject(line, ['connection', 'id', 'method']);
    const [connection, id, method] = values.map((value) => value?.toString());
    const name = connection === undefined ? undefined : decodeString(connection);
    if (method === undefined) this.#publishAnswer(line, id);
    else if (method.startsWith('"_')) {
      if (method === '"_Connected"') this.#listenFor(name);
      this.#publish(`${this.#prefix}.event`, line);
      if (method === '"_Disconnected"') this.#stopListening(name);
    } else if (name !== undefined) {
      const word = decodeString(method);
      const channel = this.#users.get(name)?.channelOf(word) ?? 'payment';
      const subject = `${this.#prefix}.${channel}.${encodeToken(word)}`;
      if (id === undefined) this.#publish(subject, line);
      else this.#ask(subject, line, { connection: name, idText: id });
    }
  }

  #ask(subject: string, line: Buffer, wayBack: WayBack): void {
    const word = this.#nextWord();
    keep(this.#waysBack, word, wayBack);
    if (this.#publish(subject, line, `${this.#inbox}.${word}`)) return;
    this.#waysBack.delete(word);
    this.#refuse(wayBack, `the request is longer than NATS carries (${this.#nats.info?.max_payload} bytes)`);
  }

  #publishAnswer(line: Buffer, id: string | undefined): void {
    const asker = id === undefined ? undefined : this.#askers.get(id);
    if (id === undefined || asker === undefined) {
      this.#log.debug('nobody waits for this line on NATS', { bytes: line.length });
      return;
    }
    this.#askers.delete(id);
    const answer = replaceMember(line, 'id', asker.idText);
    if (this.#publish(asker.reply, answer)) return;
    const error = errorText('RESPONSE_TOO_LARGE', 'the answer is longer than NATS carries');
    this.#publish(asker.reply, Buffer.from(`{"jsonrpc":"2.0","id":${asker.idText},"error":${error}}`));
  }

  /** False: it is too long, and nobody gets it. */
  #publish(subject: string, line: Buffer, reply?: string): boolean {
    if (line.length > (this.#nats.info?.max_payload ?? Number.POSITIVE_INFINITY)) return false;
    this.#unconfirmedBytes += line.length;
    try {
      this.#nats.publish(subject, line, reply === undefined ? {} : { reply });
    } catch (fault) {
      // The connection has just been closed: `closed` follows, and nobody got the line.
      this.#log.debug('a line was not published', { subject, why: describeFault(fault) });
    }
    return true;
  }

  // Lines from applications.

  #answered(message: Msg): void {
    const word = message.subject.slice(this.#inbox.length + 1);
    const wayBack = this.#waysBack.get(word);
    this.#waysBack.delete(word);
    if (isNobody(message)) {
      if (wayBack !== undefined) this.#refuse(wayBack, 'no application listens on NATS for this method');
      return;
    }
    this.#hear(message, 'connection', wayBack?.connection);
  }

  /** As if an application had refused it: nobody has any of it. */
  #refuse({ connection, idText }: WayBack, why: string): void {
    const head = `{"connection":${JSON.stringify(connection)},"jsonrpc":"2.0","id":${idText}`;
    this.#deliver(Buffer.from(`${head},"error":${errorText('CHANNEL_UNAVAILABLE', why)}}\n`));
  }

  #listenFor(connection: string | undefined): void {
    if (connection === undefined || this.#heard.has(connection)) return;
    const listen = (subject: string, member: string, value: string) =>
      this.#nats.subscribe(subject, { callback: (_fault, message) => this.#hear(message, member, value) });
    const user = this.#users.get(connection);
    const identity = user?.identity;
    const to = `${this.#prefix}.to`;
    this.#heard.set(connection, [
      listen(`${to}.${encodeToken(connection)}`, 'connection', connection),
      ...(identity === undefined
        ? []
        : [listen(`${to}.id.${encodeToken(identity)}`, 'connection', connection)]),
    ]);
    if (user !== undefined) this.#whereabouts.enter(user);
  }

  #stopListening(connection: string | undefined): void {
    if (connection === undefined) return;
    for (const subscription of this.#heard.get(connection) ?? []) subscription.unsubscribe();
    this.#heard.delete(connection);
    this.#whereabouts.leave(connection);
  }

  /** One payload is one line, which need not say what its subject says. */
  #hear({ data, reply }: Msg, member: string, value: string | undefined): void {
    let line: Buffer = Buffer.from(data); // the client uses its memory again
    for (let at = line.indexOf(LF); at !== -1; at = line.indexOf(LF, at + 1)) line[at] = SPACE;
    const { ok, values } = scanObject(line, ['connection', 'id', 'method']);
    const [connection, id, method] = values;
    if (ok) {
      if (method !== undefined && id !== undefined && isId(id)) line = this.#adopt(line, id, reply);
      if (connection === undefined && value !== undefined) {
        line = prependMember(line, member, JSON.stringify(value));
      }
    }
    this.#deliver(Buffer.concat([line, NEWLINE]));
  }

  /** Gives a request of an application an id of ours. */
  #adopt(line: Buffer, id: Buffer, reply: string | undefined): Buffer {
    const ours = JSON.stringify(`nats-${this.#nextWord()}`);
    if (reply !== undefined && reply !== '') keep(this.#askers, ours, { reply, idText: id.toString() });
    return replaceMember(line, 'id', ours);
  }

  #deliver(line: Buffer): void {
    if (!this.#isPaused) {
      this.#life.chunk(line);
      return;
    }
    if (this.#heldBytes + line.length > MAX_HELD_BYTES) {
      this.#log.warn('a line of an application is dropped: the peers take nothing', { bytes: line.length });
      return;
    }
    this.#held.push(line);
    this.#heldBytes += line.length;
  }

  #nextWord(): string {
    this.#count += 1;
    return String(this.#count);
  }
}

/** The server says that nobody is there. */
function isNobody({ headers, data }: Msg): boolean {
  return data.length === 0 && headers?.code === 503;
}

/** What may be an id: the desk says what is wrong with anything else. */
function isId(value: Buffer): boolean {
  const kind = kindOf(value);
  return kind === 'string' || kind === 'number';
}

function keep<T>(map: Map<string, T>, key: string, value: T): void {
  map.set(key, value);
  const [oldest] = map.size > MAX_WAYS_BACK ? map.keys() : [];
  if (oldest !== undefined) map.delete(oldest);
}

const LF = 0x0a;
const SPACE = 0x20;
const NEWLINE = Buffer.from('\n');
