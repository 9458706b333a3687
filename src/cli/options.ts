/** The one table of options: the parser, the help, the environment, the configuration file and the documentation's test read it. */

export interface CommandSpec {
  readonly usage: string;
  readonly help: string;
  /** Arguments that are no options, in their order. */
  readonly operands?: readonly OperandSpec[];
}

export interface OperandSpec {
  /** As it is called in the usage. */
  readonly name: string;
  readonly help: string;
}

export const COMMANDS = {
  bridge: {
    usage: 'posbridge [options]',
    help: 'bridge the connection on standard input and output, then exit',
  },
  serve: {
    usage: 'posbridge serve --listen ENDPOINT [options]',
    help: 'bridge every connection accepted on ENDPOINT, in one process',
  },
  demo: {
    usage: 'posbridge demo [options]',
    help: 'a simulated terminal behind a listener on tcp:127.0.0.1:10001, to try things out',
  },
  journal: {
    usage: 'posbridge journal ACTION [ID] [OUTCOME] --journal DIR [options]',
    help: 'look into the journal, settle an entry by hand',
    operands: [
      { name: 'ACTION', help: 'list, show, export, prune, verify or settle' },
      { name: 'ID', help: 'the beginning of the name of an entry, or its identifiers (17/1)' },
      { name: 'OUTCOME', help: 'for settle: approved or not-charged' },
    ],
  },
} as const satisfies Record<string, CommandSpec>;
export type CommandName = keyof typeof COMMANDS;

export interface OptionSpec {
  readonly name: string;
  /** What the value is called in the help; a flag has none. */
  readonly value?: string;
  /** A flag that is also turned off, by `--no-NAME`. */
  readonly negatable?: true;
  /** May be given several times. */
  readonly repeats?: true;
  readonly help: string;
  /** The default, as it would be written. */
  readonly fallback?: string;
  readonly commands: readonly CommandName[];
}

const EVERY = Object.keys(COMMANDS) as readonly CommandName[];
const ALL: readonly CommandName[] = ['bridge', 'serve', 'demo'];
const REAL: readonly CommandName[] = ['bridge', 'serve'];
const RECORDED: readonly CommandName[] = ['bridge', 'serve', 'journal'];
const LISTENING: readonly CommandName[] = ['serve', 'demo'];

export const OPTIONS = [
  { name: 'app', value: 'ENDPOINT', help: 'attach all four channels to one application', commands: REAL },
  { name: 'ui', value: 'ENDPOINT', help: 'attach the ui channel', commands: REAL },
  { name: 'payment', value: 'ENDPOINT', help: 'attach the payment channel', commands: REAL },
  { name: 'storage', value: 'ENDPOINT', help: 'attach the storage channel', commands: REAL },
  { name: 'device', value: 'ENDPOINT', help: 'attach the device channel', commands: REAL },
  {
    name: 'route',
    value: 'METHOD=CHANNEL',
    repeats: true,
    help: 'send METHOD (may contain *) to CHANNEL; the last that matches wins',
    commands: REAL,
  },
  {
    name: 'wire',
    value: 'ENDPOINT',
    help: 'where the peer is, instead of standard input and output',
    commands: ['bridge'],
  },
  {
    name: 'listen',
    value: 'ENDPOINT',
    help: 'accept connections here (tcp:, unix:, ws:)',
    commands: LISTENING,
  },
  {
    name: 'max-connections',
    value: 'NUMBER',
    fallback: '100',
    help: 'connections at one time; more are closed at once',
    commands: LISTENING,
  },
  {
    name: 'allow-origin',
    value: 'ORIGIN',
    repeats: true,
    help: 'let web pages of this origin connect over WebSocket (https://till.example)',
    commands: ['serve'],
  },
  {
    name: 'notification-fd',
    value: 'NUMBER',
    help: 'write a newline to this descriptor when ready, then close it (s6)',
    commands: ['serve'],
  },
  {
    name: 'tty',
    value: 'SPEED[,8N1][,rtscts]',
    help: 'line settings of a terminal line on standard input and output (115200,8N1)',
    commands: ['bridge'],
  },
  {
    name: 'sync',
    negatable: true,
    help: 'skip everything until the peer synchronises by _Sync; default on serial: and terminal lines, where --no-sync turns it off',
    commands: REAL,
  },
  {
    name: 'link-speed',
    value: 'BYTES_PER_S|off',
    help: 'write no faster than this; default: what the line carries, where --tty or baudRate= say so, else off',
    commands: REAL,
  },
  {
    name: 'once',
    help: 'end with status 111 when the line of --wire serial: is lost, instead of opening it again',
    commands: ['bridge'],
  },
  {
    name: 'on-stuck',
    value: 'COMMAND',
    help: 'run this shell command when opening the line of --wire serial: has failed 5 times in a row, and every 5 times after',
    commands: ['bridge'],
  },
  {
    name: 'torture',
    help: 'read and write one byte at a time, to test what depends on more',
    commands: ALL,
  },
  { name: 'dialect', value: 'NAME', fallback: 'jsonpos', help: 'what the peer speaks', commands: REAL },
  {
    name: 'name',
    value: 'TEXT',
    help: 'name of the connection, before its process number; default: the peer',
    commands: REAL,
  },
  {
    name: 'identity',
    value: 'FIELDS',
    help: 'params that identify a transaction; default for jsonpos: receipt_id,sequence_id',
    commands: REAL,
  },
  {
    name: 'timeout',
    value: '[METHOD=]SECONDS',
    repeats: true,
    fallback: '60',
    help: 'how long an application may take to answer, in all or for METHOD (may contain *)',
    commands: ALL,
  },
  {
    name: 'keepalive',
    value: 'IDLE,BUSY,LIMIT',
    fallback: '30,5,20',
    help: 'seconds between own keepalives, between them while a request is open, and for the answer; or off',
    commands: ALL,
  },
  {
    name: 'outcome-wait',
    value: 'TIME',
    fallback: '15m',
    help: 'how long a lost outcome is looked for (seconds, or with s, m, h, d)',
    commands: ALL,
  },
  {
    name: 'max-frame',
    value: 'BYTES',
    fallback: '262134',
    help: 'largest JSON text of a frame',
    commands: ALL,
  },
  {
    name: 'lock',
    value: 'PATH|none',
    help: 'lock file that keeps transactions of one terminal apart; default: in /run/lock, by payment endpoint',
    commands: REAL,
  },
  {
    name: 'journal',
    value: 'DIR',
    help: 'record transactions in this folder: none is lost or doubled, whatever crashes',
    commands: RECORDED,
  },
  {
    name: 'journal-keep',
    value: 'TIME',
    fallback: '30d',
    help: 'how long an ended transaction keeps its identifiers',
    commands: RECORDED,
  },
  {
    name: 'repeat-window',
    value: 'TIME',
    fallback: '15m',
    help: 'how long a repeated request gets the stored answer; later it is refused',
    commands: REAL,
  },
  {
    name: 'register',
    value: 'NAME',
    help: 'whose identifiers they are; default: the IP address of the peer, else nobody in particular; journal: anybody',
    commands: RECORDED,
  },
  {
    name: 'since',
    value: 'WHEN',
    help: 'list and export: only what began since then (2025-01-31, 2025-01-31T12:00Z, or 2h for 2 hours ago)',
    commands: ['journal'],
  },
  {
    name: 'until',
    value: 'WHEN',
    help: 'list and export: only what began before then',
    commands: ['journal'],
  },
  {
    name: 'state',
    value: 'STATE',
    repeats: true,
    help: 'list and export: only running, unresolved, done-approved, done-error, absent or damaged ones',
    commands: ['journal'],
  },
  { name: 'json', help: 'list and show: one JSON object a line, for programs', commands: ['journal'] },
  {
    name: 'by',
    value: 'NAME',
    help: 'settle: who says so; default: the login name',
    commands: ['journal'],
  },
  {
    name: 'log-level',
    value: 'LEVEL',
    fallback: 'info',
    help: 'error, warn, info, debug or trace (trace shows messages, masked)',
    commands: ALL,
  },
  { name: 'log-format', value: 'FORMAT', fallback: 'human', help: 'human or json', commands: ALL },
  { name: 'config', value: 'FILE', help: 'read options from a JSON object in FILE', commands: EVERY },
  { name: 'help', help: 'show this help', commands: EVERY },
  { name: 'version', help: 'show the version', commands: EVERY },
] as const satisfies readonly OptionSpec[];

export type OptionName = (typeof OPTIONS)[number]['name'];

export function optionsOf(command: CommandName): readonly OptionSpec[] {
  return (OPTIONS as readonly OptionSpec[]).filter((option) => option.commands.includes(command));
}

export function operandsOf(command: CommandName): readonly OperandSpec[] {
  const { operands = [] }: CommandSpec = COMMANDS[command];
  return operands;
}

export function environmentName(option: string): string {
  return `POSBRIDGE_${option.toUpperCase().replaceAll('-', '_')}`;
}
