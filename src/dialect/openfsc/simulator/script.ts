import { maskText } from '../../../base/mask.ts';
import { isMethod, METHODS, type MethodName } from '../methods.ts';
import { type PlatformSettings, readSetting } from './settings.ts';

/** Limits of a script. */
export const SCRIPT_LIMITS = { bytes: 64 * 1024, steps: 1000 } as const;

/**
 * One thing that the platform does, or waits for. Words that begin with `$` are names: in `await` one that is not known
 * yet takes what stands in its place, everywhere else it stands for what it has taken.
 */
export type Action =
  /** Waits until the site has so many sessions. */
  | { readonly do: 'login'; readonly sessions: number }
  /** Sends a request and waits for the answer, which has to be one of `expected`. */
  | {
      readonly do: 'ask';
      readonly method: MethodName;
      readonly words: readonly string[];
      readonly expected: readonly string[];
    }
  /** Sends a request and goes on. */
  | { readonly do: 'send'; readonly method: MethodName; readonly words: readonly string[] }
  /** Sends a notification. */
  | { readonly do: 'tell'; readonly method: MethodName; readonly words: readonly string[] }
  /**
   * Waits until the site has said this of a pump, a transaction, …; `*` stands for anything, the end may be left out.
   */
  | { readonly do: 'await'; readonly method: MethodName; readonly words: readonly string[] }
  /** Makes up a transaction id. */
  | { readonly do: 'id'; readonly name: string }
  /** Waits until a login was refused. */
  | { readonly do: 'refused'; readonly code: number }
  /** Waits for so many heartbeats answered in time; a late one, or a silent site, ends the script. */
  | { readonly do: 'beats'; readonly count: number }
  /** Waits until the site is silent and was given up. */
  | { readonly do: 'silent' }
  /** Waits until the active session has this priority. */
  | { readonly do: 'active'; readonly priority: number }
  /** The connection has to be in this charset. */
  | { readonly do: 'charset'; readonly name: string }
  /** Cuts the connection of the active session, without a word. */
  | { readonly do: 'cut' }
  /** Says goodbye to the active session; its connection stays, unless it is the session. */
  | { readonly do: 'end' }
  /** Says goodbye to the active session's connection. */
  | { readonly do: 'quit' }
  /** Waits until nobody is connected. */
  | { readonly do: 'closed' }
  | { readonly do: 'pause'; readonly ms: number };

export interface Step {
  /** Line of the script, from 1. */
  readonly line: number;
  /** As it is written, masked. */
  readonly text: string;
  readonly action: Action;
}

export interface Script {
  readonly settings: Partial<PlatformSettings>;
  readonly steps: readonly Step[];
}

/**
 * Reads a script.
 *
 * Shape:  one step a line, `set NAME VALUE` for settings; `#` begins a comment
 * Limits: SCRIPT_LIMITS
 * Errors: throws an Error: the line, what is wrong with it and what is wanted
 */
export function parseScript(text: string): Script {
  if (Buffer.byteLength(text) > SCRIPT_LIMITS.bytes) throw new Error('it is too long');
  let settings: Partial<PlatformSettings> = {};
  const steps: Step[] = [];
  const names = new Set<string>();
  for (const [index, raw] of text.split(/\r?\n/).entries()) {
    const line = raw.replace(/(?:^|\s)#.*$/, '').trim();
    if (line === '') continue;
    const [verb = '', ...words] = line.split(/\s+/);
    const fail = (why: string) => new Error(`line ${index + 1}: ${why}`);
    if (verb === 'set') {
      const [name = '', ...value] = words;
      const read = readSetting(name, value.join(' '));
      if (!read.ok) throw fail(read.why);
      settings = { ...settings, ...read.value };
      continue;
    }
    if (!Object.hasOwn(VERBS, verb))
      throw fail(
        `there is no step ${JSON.stringify(verb.slice(0, 32))}; there is ${Object.keys(VERBS).join(', ')}, set`,
      );
    if (steps.length >= SCRIPT_LIMITS.steps) throw fail(`more than ${SCRIPT_LIMITS.steps} steps`);
    const action = VERBS[verb]?.(words);
    if (typeof action !== 'object') throw fail(`${verb} wants ${action}`);
    const unknown = learnNames(action, names);
    if (unknown !== undefined) throw fail(`${unknown} is not known yet: await or id has to come first`);
    steps.push({ line: index + 1, text: shownStep(line, action), action });
  }
  if (steps.length === 0) throw new Error('it has no steps');
  return { settings, steps };
}

/** A step for people: what may be a card's stays out of it. */
function shownStep(line: string, action: Action): string {
  const isSecret = 'method' in action && SECRET.has(action.method);
  return maskText(isSecret ? line.replace(/\S+$/, '***') : line);
}

const SECRET: ReadonlySet<MethodName> = new Set(['TRANSACTIONINFO', 'PAN']);

/** The first name that stands for nothing. */
function learnNames(action: Action, names: Set<string>): string | undefined {
  if (action.do === 'id') names.add(action.name);
  if (!('words' in action)) return undefined;
  for (const word of action.words.filter((each) => each.startsWith('$'))) {
    if (action.do === 'await') names.add(word);
    else if (!names.has(word)) return word;
  }
  return undefined;
}

/** Reads the words of a step; a string says what it wants. */
const VERBS: Readonly<Record<string, (words: readonly string[]) => Action | string>> = {
  login: ([count = '1', ...more]) =>
    more.length === 0 && COUNT.test(count)
      ? { do: 'login', sessions: Number(count) }
      : 'a number of sessions, or nothing',
  ask: (words) => {
    const arrow = words.indexOf('->');
    const expected =
      arrow === -1
        ? ['OK']
        : words
            .slice(arrow + 1)
            .join('')
            .split('|');
    const asked = methodOf(words.slice(0, arrow === -1 ? words.length : arrow), 'request');
    if (asked === undefined || !expected.every((one) => one === 'OK' || /^[45]\d\d$/.test(one)))
      return 'a request of the server, its arguments and perhaps -> OK|410';
    return { do: 'ask', ...asked, expected };
  },
  send: (words) => {
    const asked = methodOf(words, 'request');
    return asked === undefined ? 'a request of the server and its arguments' : { do: 'send', ...asked };
  },
  tell: (words) => {
    const told = methodOf(words, 'notification');
    return told === undefined ? 'a notification of the server and its arguments' : { do: 'tell', ...told };
  },
  await: ([method = '', ...words]) =>
    AWAITED.has(method)
      ? { do: 'await', method: method as MethodName, words }
      : `one of ${[...AWAITED].join(', ')}, and its arguments`,
  id: ([name = '', ...more]) =>
    /^\$[A-Za-z]\w*$/.test(name) && more.length === 0 ? { do: 'id', name } : 'a name such as $id',
  refused: ([code = '', ...more]) =>
    /^[45]\d\d$/.test(code) && more.length === 0
      ? { do: 'refused', code: Number(code) }
      : 'a code such as 401',
  beats: ([count = '', ...more]) =>
    COUNT.test(count) && more.length === 0 ? { do: 'beats', count: Number(count) } : 'a number',
  silent: (words) => (words.length === 0 ? { do: 'silent' } : NOTHING),
  active: ([priority = '', ...more]) =>
    COUNT.test(priority) && more.length === 0
      ? { do: 'active', priority: Number(priority) }
      : 'the priority of a session, 1 is the highest',
  charset: ([name = '', ...more]) =>
    name !== '' && more.length === 0 ? { do: 'charset', name } : 'the name of a charset',
  cut: (words) => (words.length === 0 ? { do: 'cut' } : NOTHING),
  end: (words) => (words.length === 0 ? { do: 'end' } : NOTHING),
  quit: (words) => (words.length === 0 ? { do: 'quit' } : NOTHING),
  closed: (words) => (words.length === 0 ? { do: 'closed' } : NOTHING),
  pause: ([seconds = '', ...more]) =>
    /^\d{1,4}(?:\.\d{1,3})?$/.test(seconds) && more.length === 0
      ? { do: 'pause', ms: Math.round(Number(seconds) * 1000) }
      : 'seconds',
};

/** Names of all steps, for documentation. */
export const STEP_NAMES: readonly string[] = Object.keys(VERBS);

const NOTHING = 'no arguments';
const COUNT = /^[1-9]\d{0,3}$/;
const AWAITED: ReadonlySet<string> = new Set([
  'PUMP',
  'TRANSACTION',
  'PRICE',
  'PRODUCT',
  'LOCKEDPUMP',
  'RECEIPTINFO',
]);

function methodOf(
  [method = '', ...words]: readonly string[],
  kind: 'request' | 'notification',
): { readonly method: MethodName; readonly words: readonly string[] } | undefined {
  if (!isMethod(method) || METHODS[method].kind !== kind || METHODS[method].from === 'site') return undefined;
  return { method, words };
}
