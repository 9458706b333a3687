import { type Charset, isCharset } from '../charset.ts';
import { INITIAL, type Line } from '../line.ts';
import { type Arguments, isMethod, METHODS, type MethodName, readArguments } from '../methods.ts';
import type { ServerSession } from './server-session.ts';
import type { PlatformSettings } from './settings.ts';

/** Sessions of one connection. */
const MAX_SESSIONS = 4096;
const SESSION_ID = /^[A-Za-z0-9]{1,16}$/;

/** What the answers to a site's requests may use of their connection. */
export interface RequestHost {
  readonly number: number;
  readonly settings: PlatformSettings;
  /** Sessions by name, without the initial connection. */
  readonly sessions: ReadonlyMap<string, ServerSession>;
  isControl: boolean;
  charset: { read: Charset; write: Charset };
  write(session: string, tag: string, parts: readonly string[]): void;
  note(text: string): void;
  newSession(name: string, priority: number | undefined): void;
  /** PLAINAUTH: answers OK, or says what to refuse it with. */
  login(session: ServerSession, tag: string, credentials: Credentials): Refusal | undefined;
}

export interface Credentials {
  readonly siteAccessKey: string;
  readonly secret: string;
}

export interface Refusal {
  readonly code: number;
  readonly text: string;
}

type Place = { readonly connection: RequestHost; readonly session: ServerSession; readonly tag: string };

/** Answers a request of the site, in the order of errors that the specification has. */
export function answerRequest(connection: RequestHost, session: ServerSession, line: Line): void {
  const { tag, method, rest } = line;
  const refuse = ({ code, text }: Refusal) =>
    connection.write(session.name, tag, ['ERR', String(code), text]);
  if (!isMethod(method) || METHODS[method].from === 'server' || METHODS[method].kind !== 'request') {
    refuse({ code: 405, text: 'Method unknown' });
    return;
  }
  const isOptional = method === 'NEWSESSION' || method === 'SESSIONS';
  const takes = connection.settings.capabilities;
  // LISTSESSIONS is what some lists call it.
  const isListed = takes.includes(method) || (method === 'SESSIONS' && takes.includes('LISTSESSIONS'));
  const place = { connection, session, tag };
  const wrongState =
    isOptional && !isListed ? { code: 405, text: 'Method unknown' } : stateFault(method, place);
  if (wrongState !== undefined) {
    refuse(wrongState);
    return;
  }
  const read = readArguments(method, rest);
  if (!read.ok) {
    refuse({ code: 400, text: read.why });
    return;
  }
  const refusal = ANSWERS[method]?.(place, read);
  if (refusal !== undefined) refuse(refusal);
}

function stateFault(method: MethodName, { connection, session }: Place): Refusal | undefined {
  const isInitial = session.name === INITIAL;
  const isLoggedIn = session.site !== undefined;
  switch (method) {
    case 'SESSIONS':
      return isInitial ? undefined : { code: 410, text: 'only on the initial connection' };
    case 'NEWSESSION':
      if (!isInitial) return { code: 403, text: 'only on the initial connection' };
      return isLoggedIn ? { code: 410, text: 'newsession after plainauth not allowed' } : undefined;
    case 'PLAINAUTH':
      if (isInitial && connection.isControl)
        return { code: 410, text: 'plainauth after newsession not allowed' };
      return isLoggedIn ? { code: 403, text: 'already authenticated' } : undefined;
    case 'CHARSET':
      return isLoggedIn || (isInitial && connection.isControl)
        ? { code: 403, text: 'too late for another charset' }
        : undefined;
    default:
      return isLoggedIn ? undefined : { code: 403, text: 'not authenticated' };
  }
}

/** Each does what is asked and answers OK, or says what to refuse it with. */
const ANSWERS: Readonly<Partial<Record<MethodName, (place: Place, args: Arguments) => Refusal | undefined>>> =
  {
    CHARSET: ({ connection, session, tag }, { values }) => {
      const name = values['name'] ?? '';
      if (!isCharset(name) || !connection.settings.charsets.includes(name))
        return { code: 404, text: 'Unknown encoding' };
      const charset: Charset = name;
      // The site's next line is in the new one; the answer is in the old one, the next of ours is not.
      connection.charset = { ...connection.charset, read: charset };
      session.answer(tag);
      connection.charset = { read: charset, write: charset };
      connection.note(`connection ${connection.number} speaks ${charset}`);
      return undefined;
    },
    PLAINAUTH: ({ connection, session, tag }, { values }) =>
      connection.login(session, tag, {
        siteAccessKey: values['siteAccessKey'] ?? '',
        secret: values['secret'] ?? '',
      }),
    NEWSESSION: ({ connection, session, tag }, { values }) => {
      const { sessionId = '', priority } = values;
      if (!SESSION_ID.test(sessionId)) return { code: 400, text: 'sessionID malformed' };
      if (priority !== undefined && Number(priority) < 1) return { code: 400, text: 'priority starts at 1' };
      if (connection.sessions.has(sessionId))
        return { code: 409, text: `sessionID '${sessionId}' already in use` };
      if (connection.sessions.size >= MAX_SESSIONS) return { code: 500, text: 'too many sessions' };
      connection.isControl = true;
      connection.newSession(sessionId, priority === undefined ? undefined : Number(priority));
      session.answer(tag);
      return undefined;
    },
    SESSIONS: ({ connection, session, tag }) => {
      for (const { name, priority, site } of connection.sessions.values()) {
        const key = site === undefined ? [] : [site.siteAccessKey];
        session.tell('SESSION', [name, String(priority), ...key]);
      }
      session.answer(tag);
      return undefined;
    },
    LOCKEDPUMP: ({ session, tag }, args) => {
      const refusal = session.site?.lockedPump(args);
      if (refusal === undefined) session.answer(tag);
      return refusal;
    },
  };
