import { CHARSETS, type Charset, isCharset } from '../charset.ts';

/** How the simulated platform behaves. */
export interface PlatformSettings {
  /** What it announces that it can receive; NEWSESSION and SESSIONS are refused where they are not listed. */
  readonly capabilities: readonly string[];
  /** Charsets that it takes. */
  readonly charsets: readonly Charset[];
  /** Between two heartbeats of a session; undefined: none. */
  readonly heartbeatMs: number | undefined;
  /** How late an answer may come, and how many in a row may be missed. */
  readonly beatLimitMs: number;
  readonly maxMissedBeats: number;
  /** The first connection is cut after so many lines, both ways together. */
  readonly cutAfterLines: number | undefined;
  /** Every byte is written by itself, where the wire is a stream of them. */
  readonly isBytewise: boolean;
  /** Extensions are used toward a site that has not announced them. */
  readonly isUninvited: boolean;
  /** Scripts put up with what public clients leave out. */
  readonly isTolerant: boolean;
  /** Of WebSockets. Some clients read only binary messages. */
  readonly messages: 'binary' | 'text';
  /** Every login is wrong. */
  readonly refusesLogins: boolean;
  /** How long a step of a script waits for what it wants. */
  readonly stepLimitMs: number;
}

export const DEFAULT_SETTINGS: PlatformSettings = {
  capabilities:
    'BEAT CHARSET LOCKEDPUMP NEWSESSION PLAINAUTH PRICE PRODUCT PUMP QUIT RECEIPTINFO SESSIONS TRANSACTION TRANSACTIONINFO'.split(
      ' ',
    ),
  charsets: CHARSETS,
  heartbeatMs: undefined,
  beatLimitMs: 20_000,
  maxMissedBeats: 3,
  cutAfterLines: undefined,
  isBytewise: false,
  isUninvited: false,
  isTolerant: false,
  messages: 'binary',
  refusesLogins: false,
  stepLimitMs: 60_000,
};

export type ReadSetting =
  | { readonly ok: true; readonly value: Partial<PlatformSettings> }
  | { readonly ok: false; readonly why: string };

/** Reads one setting, as a script or the command line writes it: `heartbeat 5`, `charsets none`. */
export function readSetting(name: string, text: string): ReadSetting {
  const reader = Object.hasOwn(READERS, name) ? READERS[name] : undefined;
  if (reader === undefined) {
    return { ok: false, why: `there is no such setting; there is ${Object.keys(READERS).join(', ')}` };
  }
  const value = reader.read(text.trim());
  return value === undefined ? { ok: false, why: `${name} wants ${reader.form}` } : { ok: true, value };
}

interface Reader {
  readonly form: string;
  /** Undefined: it is none of that form. */
  read(text: string): Partial<PlatformSettings> | undefined;
}

const MAX_SECONDS = 86_400;

const READERS: Readonly<Record<string, Reader>> = {
  capabilities: {
    form: 'method names, or none',
    read: (text) => ({ capabilities: text === 'none' ? [] : words(text) }),
  },
  charsets: {
    form: `${CHARSETS.join(', ')}, or none`,
    read: (text) => {
      const names = text === 'none' ? [] : words(text);
      return names.every(isCharset) ? { charsets: names } : undefined;
    },
  },
  heartbeat: {
    form: 'seconds, or off',
    read: (text) => (text === 'off' ? { heartbeatMs: undefined } : readMs(text, 'heartbeatMs')),
  },
  'beat-limit': { form: 'seconds', read: (text) => readMs(text, 'beatLimitMs') },
  'missed-beats': { form: 'a number', read: (text) => readCount(text, 'maxMissedBeats') },
  'cut-after': { form: 'a number of lines', read: (text) => readCount(text, 'cutAfterLines') },
  bytewise: { form: 'yes or no', read: (text) => readFlag(text, 'isBytewise') },
  uninvited: { form: 'yes or no', read: (text) => readFlag(text, 'isUninvited') },
  tolerant: { form: 'yes or no', read: (text) => readFlag(text, 'isTolerant') },
  messages: {
    form: 'binary or text',
    read: (text) => (text === 'binary' || text === 'text' ? { messages: text } : undefined),
  },
  'refuse-logins': { form: 'yes or no', read: (text) => readFlag(text, 'refusesLogins') },
  limit: { form: 'seconds', read: (text) => readMs(text, 'stepLimitMs') },
};

/** Names of all settings, for documentation. */
export const SETTING_NAMES: readonly string[] = Object.keys(READERS);

function words(text: string): string[] {
  return text.split(/[\s,]+/).filter((word) => word !== '');
}

function readMs(
  text: string,
  name: 'heartbeatMs' | 'beatLimitMs' | 'stepLimitMs',
): Partial<PlatformSettings> | undefined {
  const seconds = /^\d{1,5}(?:\.\d{1,3})?$/.test(text) ? Number(text) : 0;
  return seconds > 0 && seconds <= MAX_SECONDS ? { [name]: Math.round(seconds * 1000) } : undefined;
}

function readCount(
  text: string,
  name: 'maxMissedBeats' | 'cutAfterLines',
): Partial<PlatformSettings> | undefined {
  return /^[1-9]\d{0,5}$/.test(text) ? { [name]: Number(text) } : undefined;
}

function readFlag(
  text: string,
  name: 'isBytewise' | 'isUninvited' | 'isTolerant' | 'refusesLogins',
): Partial<PlatformSettings> | undefined {
  return text === 'yes' || text === 'no' ? { [name]: text === 'yes' } : undefined;
}
