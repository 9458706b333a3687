import type { Clock } from '../../base/clock.ts';
import { isoTime } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import type { Statistics } from '../../base/statistics.ts';
import type { Line } from './line.ts';
import {
  type Arguments,
  isMethod,
  METHODS,
  type MethodName,
  readArguments,
  readTimestamp,
} from './methods.ts';
import { type ServerAnswer, ServerQuestions } from './questions.ts';

/** What a dialogue writes to. */
export interface LineWriter {
  readonly clock: Clock;
  readonly log: Logger;
  readonly statistics: Statistics;
  /** Urgent lines overtake what waits. */
  write(session: string, tag: string, parts: readonly string[], urgency?: 'urgent' | 'normal'): void;
}

/** Whose dialogue it is. */
export interface DialogueOwner {
  readonly isAuthenticated: boolean;
  /** PAN, discontinued, is still taken as transaction information. */
  readonly takesPan: boolean;
  /** A request that needs a login, its arguments read: it is open until `answered`. */
  asked(method: MethodName, tag: string, args: Arguments): void;
  /** Nothing to be answered. */
  told(method: MethodName, args: Arguments): void;
  /** The server's clock in a heartbeat, minus ours. */
  drift(ms: number): void;
}

/** Requests of the server that may be open on one session. */
const MAX_OPEN = 1024;

/**
 * The lines of one session, or of the initial connection, at the site's end: which of them are requests and which are
 * answers, heartbeats, and every error that needs no application, in the order of the specification.
 */
export class Dialogue {
  readonly #session: string;
  readonly #writer: LineWriter;
  readonly #owner: DialogueOwner;
  readonly #questions: ServerQuestions;
  /** Tags of the server's requests that are not answered. */
  readonly #open = new Set<string>();

  constructor(
    session: string,
    writer: LineWriter,
    owner: DialogueOwner,
    questions = new ServerQuestions(writer.clock),
  ) {
    this.#session = session;
    this.#writer = writer;
    this.#owner = owner;
    this.#questions = questions;
  }

  /** Asks the server. Settled once: by its answer, after 30 s, or when the session ends. */
  ask(method: MethodName, args: readonly string[], settle: (answer: ServerAnswer) => void): 'asked' | 'full' {
    if (this.#questions.isFull) return 'full';
    const tag = this.#questions.add(settle);
    this.#writer.write(this.#session, tag, [method, ...args]);
    return 'asked';
  }

  notify(method: MethodName, args: readonly string[]): void {
    this.#writer.write(this.#session, '*', [method, ...args]);
  }

  /** Answers a request of the server; false when it is not open any more. */
  answer(tag: string, parts: readonly string[]): boolean {
    if (!this.#open.delete(tag)) return false;
    this.#writer.write(this.#session, tag, parts);
    return true;
  }

  isOpen(tag: string): boolean {
    return this.#open.has(tag);
  }

  /** Nothing crosses any more; what we asked is settled. */
  close(): void {
    this.#open.clear();
    this.#questions.close();
  }

  receive({ tag, method, rest }: Line): void {
    if (tag === '*') this.#notification(method, rest);
    else if (method === 'OK' || method === 'ERR' || method === 'BEAT') this.#response(tag, method, rest);
    else this.#request(tag, method, rest);
  }

  #response(tag: string, method: 'OK' | 'ERR' | 'BEAT', rest: string): void {
    const read = readArguments(method, rest);
    const isOurs =
      method === 'OK'
        ? this.#questions.ok(tag)
        : method === 'ERR' && read.ok && this.#questions.error(tag, read);
    if (!isOurs) this.#ignored(method, 'an answer to nothing that is open');
  }

  #notification(method: string, rest: string): void {
    if (!isMethod(method) || METHODS[method].kind !== 'notification' || METHODS[method].from === 'site') {
      this.#ignored(method, 'no notification of the server');
      return;
    }
    const read = readArguments(method, rest);
    if (read.ok) this.#owner.told(method, read);
    else this.#ignored(method, read.why);
  }

  #request(tag: string, method: string, rest: string): void {
    if (this.#open.has(tag) || this.#open.size >= MAX_OPEN) {
      // The first one goes on.
      const why = this.#open.has(tag) ? 'the tag is in use' : 'too many requests are open';
      this.#refuse(tag, 400, why);
      return;
    }
    if (!isMethod(method) || METHODS[method].from === 'site' || (method === 'PAN' && !this.#owner.takesPan)) {
      this.#refuse(tag, 405, 'Method unknown');
      return;
    }
    const { kind } = METHODS[method];
    // Discontinued; taken on nothing, but a refusal would end the session.
    if (method === 'PUSH') this.#writer.write(this.#session, tag, ['OK']);
    else if (kind === 'request' && method !== 'HEARTBEAT' && !this.#owner.isAuthenticated) {
      this.#refuse(tag, 403, 'not authenticated');
    } else {
      const read = readArguments(method, rest);
      if (!read.ok) {
        this.#refuse(tag, 400, read.why);
        return;
      }
      for (const warning of read.warnings)
        this.#writer.log.warn('a request is odd', { session: this.#session, method, why: warning });
      this.#readRequest(tag, method, read);
    }
  }

  #readRequest(tag: string, method: MethodName, args: Arguments): void {
    if (method === 'HEARTBEAT') this.#heartbeat(tag, args.values['timestamp'] ?? '');
    else if (METHODS[method].kind === 'notification' || method === 'PAN') {
      this.#owner.told(method, args);
      this.#writer.write(this.#session, tag, ['OK']);
    } else {
      this.#open.add(tag);
      this.#owner.asked(method, tag, args);
    }
  }

  #heartbeat(tag: string, timestamp: string): void {
    const { clock } = this.#writer;
    const serverMs = readTimestamp(timestamp);
    if (serverMs === undefined) {
      this.#refuse(tag, 422, 'Timestamp invalid');
      return;
    }
    this.#writer.write(this.#session, tag, ['BEAT', isoTime(clock)], 'urgent');
    this.#writer.write(this.#session, tag, ['OK'], 'urgent');
    this.#owner.drift(serverMs - clock.wallMs());
  }

  #refuse(tag: string, code: number, why: string): void {
    this.#writer.statistics.count(`refused with ${code}`);
    this.#writer.write(this.#session, tag, ['ERR', String(code), why]);
  }

  #ignored(method: string, why: string): void {
    this.#writer.statistics.count('lines ignored');
    const known = isMethod(method) ? method : undefined;
    this.#writer.log.debug('a line is ignored', { session: this.#session, method: known, why });
  }
}
