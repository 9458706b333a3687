/** The one table of options: the parser, the help, the environment, the configuration file and the documentation's test read it. */

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
} as const;
export type CommandName = keyof typeof COMMANDS;

export interface OptionSpec {
  readonly name: string;
  /** What the value is called in the help; a flag has none. */
  readonly value?: string;
  /** May be given several times. */
  readonly repeats?: true;
  readonly help: string;
  /** The default, as it would be written. */
  readonly fallback?: string;
  readonly commands: readonly CommandName[];
}

const ALL: readonly CommandName[] = ['bridge', 'serve', 'demo'];
const REAL: readonly CommandName[] = ['bridge', 'serve'];
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
    commands: REAL,
  },
  {
    name: 'journal-keep',
    value: 'TIME',
    fallback: '30d',
    help: 'how long an ended transaction keeps its identifiers',
    commands: REAL,
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
    help: 'whose identifiers they are; default: the IP address of the peer, else nobody in particular',
    commands: REAL,
  },
  {
    name: 'log-level',
    value: 'LEVEL',
    fallback: 'info',
    help: 'error, warn, info, debug or trace (trace shows messages, masked)',
    commands: ALL,
  },
  { name: 'log-format', value: 'FORMAT', fallback: 'human', help: 'human or json', commands: ALL },
  { name: 'config', value: 'FILE', help: 'read options from a JSON object in FILE', commands: ALL },
  { name: 'help', help: 'show this help', commands: ALL },
  { name: 'version', help: 'show the version', commands: ALL },
] as const satisfies readonly OptionSpec[];

export type OptionName = (typeof OPTIONS)[number]['name'];

export function optionsOf(command: CommandName): readonly OptionSpec[] {
  return (OPTIONS as readonly OptionSpec[]).filter((option) => option.commands.includes(command));
}

export function environmentName(option: string): string {
  return `POSBRIDGE_${option.toUpperCase().replaceAll('-', '_')}`;
}
