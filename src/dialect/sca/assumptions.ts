/**
 * What the specification leaves open, each under a name, with the value that is used unless `--assume NAME=VALUE` says
 * otherwise. docs/sca.md has the same table.
 */
export const ASSUMPTIONS = {
  'rejected-code': {
    fallback: '0',
    form: /^-?\d{1,6}$/,
    says: 'RESULT_CODE of a rejection that has none of its own',
  },
  'cancel-nothing-code': { fallback: '59006', form: /^\d{1,6}$/, says: 'CANCEL when nothing is running' },
  'cancel-refused-code': { fallback: '59049', form: /^\d{1,6}$/, says: 'CANCEL when it is too late' },
  'status-idle': { fallback: '0', form: /^\d{1,4}$/, says: 'SECONDARY_DATA of STATUS without a session' },
  'status-session': { fallback: '14', form: /^\d{1,4}$/, says: 'SECONDARY_DATA of STATUS in a session' },
  'status-busy': {
    fallback: '15',
    form: /^\d{1,4}$/,
    says: 'SECONDARY_DATA of STATUS while a request is running',
  },
  'text-case': {
    fallback: 'mixed',
    form: /^(?:mixed|upper)$/,
    says: '`Session Started` or `SESSION STARTED`',
  },
  'finish-from': {
    fallback: 'reconnected',
    form: /^(?:reconnected|same)$/,
    says: 'who may FINISH: also the register that has come back on a new connection, and anybody where a register without a name is gone; or only the same connection',
  },
  'items-while-busy': {
    fallback: 'no',
    form: /^(?:yes|no)$/,
    says: 'whether LINE_ITEM is obeyed while another request is running',
  },
  'counter-of': {
    fallback: 'terminal',
    form: /^(?:terminal|connection)$/,
    says: 'whose last COUNTER GET_COUNTER tells without registration',
  },
  notifications: {
    fallback: 'off',
    form: /^(?:on|off)$/,
    says: 'whether unsolicited messages are sent: over WebSocket where START asks for them (NOTIFY_SCA_EVENTS), over TCP to POS_IP and POS_PORT',
  },
} as const satisfies Record<string, { fallback: string; form: RegExp; says: string }>;

export type AssumptionName = keyof typeof ASSUMPTIONS;
export type Assumptions = Readonly<Record<AssumptionName, string>>;

export const DEFAULT_ASSUMPTIONS: Assumptions = read(() => undefined);

/** Reads `NAME=VALUE,NAME=VALUE`. Returns what is wrong with it, if anything is. */
export function readAssumptions(text: string): Assumptions | string {
  const values = new Map<string, string>();
  for (const part of text.split(',')) {
    const [name = '', value = ''] = part.split('=').map((half) => half.trim());
    const known = Object.hasOwn(ASSUMPTIONS, name) ? ASSUMPTIONS[name as AssumptionName] : undefined;
    if (known === undefined) return `there is no ${name}; there is ${Object.keys(ASSUMPTIONS).join(', ')}`;
    if (!known.form.test(value)) return `${name} cannot be ${value}; the default is ${known.fallback}`;
    values.set(name, value);
  }
  return read((name) => values.get(name));
}

function read(given: (name: string) => string | undefined): Assumptions {
  const entries = Object.entries(ASSUMPTIONS).map(([name, { fallback }]) => [name, given(name) ?? fallback]);
  return Object.fromEntries(entries) as Assumptions;
}
