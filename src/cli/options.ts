/**
 * The one table of options: the parser, the help, the environment, the configuration file and the documentation's test
 * read it.
 */

import { DIALECTS, type DialectOptionName } from '../dialect/registry.ts';
import type { DialectOption } from '../dialect/row.ts';
import { COMMANDS, type CommandName } from './commands.ts';

export interface OptionSpec {
  readonly name: string;
  /** What the value is called in the help; a flag has none. */
  readonly value?: string;
  /** A flag that is also turned off, by `--no-NAME`. */
  readonly negatable?: true;
  /** May be given several times. */
  readonly repeats?: true;
  readonly help: string;
  /** Commands in which it does something else. */
  readonly helps?: Readonly<Partial<Record<CommandName, string>>>;
  /** The default, as it would be written. */
  readonly fallback?: string;
  /** Commands that have another one. */
  readonly fallbacks?: Readonly<Partial<Record<CommandName, string>>>;
  readonly commands: readonly CommandName[];
}

const EVERY = Object.keys(COMMANDS) as readonly CommandName[];
const ALL: readonly CommandName[] = ['bridge', 'serve', 'demo'];
const REAL: readonly CommandName[] = ['bridge', 'serve'];
const RECORDED: readonly CommandName[] = ['bridge', 'serve', 'journal'];
const LISTENING: readonly CommandName[] = ['serve', 'demo'];
const EVERY_WIRE: readonly CommandName[] = [...ALL, 'pos'];
const EVERY_PROGRAM: readonly CommandName[] = [
  ...EVERY_WIRE,
  'terminal',
  'gateway',
  'api',
  'fsc-server',
  'charge-point',
];

/** Those that run for long and can be looked into. */
const OBSERVED: readonly CommandName[] = [...ALL, 'terminal', 'gateway', 'api', 'fsc-server', 'charge-point'];

const COMMON = [
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
    helps: { terminal: 'with --dialect: the broker that the terminal dials (wss://broker.example/)' },
    commands: ['bridge', 'terminal'],
  },
  {
    name: 'websocket',
    help: 'the wire begins with the handshake of a WebSocket, which is answered: one process a connection under a super-server',
    commands: ['bridge'],
  },
  {
    name: 'proxy-protocol',
    value: 'ADDRESS[,…]',
    help: 'connections from these addresses (127.0.0.1, 10.0.0.0/24, unix) are those of proxies, and begin with a PROXY protocol header that names the register behind',
    commands: REAL,
  },
  {
    name: 'listen',
    value: 'ENDPOINT',
    repeats: true,
    help: 'accept connections here (tcp:, unix:, ws:, wss:, or a listening socket as fd:); ?register=NAME names their register',
    helps: {
      api: 'where tills find the API (tcp:, unix:, or a listening socket as fd:)',
      terminal: 'accept bridges here (tcp:, unix:, fd:); with --dialect registers, at each of several',
    },
    commands: ['serve', 'api', 'terminal'],
  },
  {
    name: 'listen',
    value: 'ENDPOINT',
    help: 'accept connections here (tcp:, unix:, ws:) instead of on tcp:127.0.0.1:10001',
    helps: {
      gateway: 'accept bridges here (tcp:, unix:, fd:)',
      'fsc-server': 'accept sites here (tcp:, unix:, ws: with the path /ws/text)',
    },
    commands: ['demo', 'gateway', 'fsc-server'],
  },
  {
    name: 'max-connections',
    value: 'NUMBER',
    fallback: '100',
    fallbacks: { pos: '64', api: '1000' },
    help: 'connections at one time; more are told so, and closed',
    helps: {
      pos: 'proxy and test: connections that the terminal may have at one time',
      api: 'connections at one time; more are closed as they come. Event streams may be three quarters of them',
    },
    commands: [...LISTENING, 'pos', 'api'],
  },
  {
    name: 'max-per-peer',
    value: 'NUMBER',
    help: 'connections that one address may have at one time; default: a quarter of --max-connections and at least 4, for addresses of other machines',
    commands: LISTENING,
  },
  {
    name: 'allow-origin',
    value: 'ORIGIN',
    repeats: true,
    help: 'let web pages of this origin connect over WebSocket (https://till.example)',
    helps: { api: 'let web pages of this origin use the API (https://till.example)' },
    commands: [...REAL, 'api'],
  },
  {
    name: 'http-proxy',
    value: 'URL|none',
    help: 'connect over ws:, wss: and https: through this proxy (http://proxy.example:3128); default: what https_proxy, http_proxy and no_proxy say',
    commands: ['bridge', 'serve', 'pos', 'gateway', 'api', 'terminal'],
  },
  {
    name: 'tls-cert',
    value: 'FILE',
    help: 'wss: and https: our certificate and those up to its root, PEM',
    helps: { api: 'our certificate and those up to its root, PEM: the API is then at https:' },
    commands: ['bridge', 'serve', 'pos', 'gateway', 'charge-point', 'api', 'terminal'],
  },
  {
    name: 'tls-key',
    value: 'FILE',
    help: 'wss: and https: the key of --tls-cert, PEM without a password',
    commands: ['bridge', 'serve', 'pos', 'gateway', 'charge-point', 'api', 'terminal'],
  },
  {
    name: 'tls-ca',
    value: 'FILE',
    help: 'wss: and https: who may have signed the certificate of the other side, PEM; default: whom Node.js trusts',
    helps: {
      api: 'who may have signed the certificate of a terminal at wss: or https:, PEM; default: whom Node.js trusts',
      serve:
        'wss: and https: who may have signed the certificate of a terminal behind a channel, PEM; default: whom Node.js trusts',
    },
    commands: ['bridge', 'serve', 'pos', 'gateway', 'charge-point', 'api', 'terminal'],
  },
  {
    name: 'terminal-cert',
    value: 'FILE',
    help: 'our certificate for a terminal at wss: or https: behind a channel, and those up to its root, PEM',
    helps: { api: 'our certificate for a terminal at wss: or https:, and those up to its root, PEM' },
    commands: ['serve', 'api'],
  },
  {
    name: 'terminal-key',
    value: 'FILE',
    help: 'the key of --terminal-cert, PEM without a password',
    commands: ['serve', 'api'],
  },
  {
    name: 'tls-client-ca',
    value: 'FILE',
    help: 'wss: and https: let in only clients whose certificate one of these has signed, PEM',
    helps: { api: 'let in only clients whose certificate one of these has signed, PEM' },
    commands: ['serve', 'api'],
  },
  {
    name: 'notification-fd',
    value: 'NUMBER',
    help: 'write a newline to this descriptor when ready, then close it (s6)',
    commands: ['serve'],
  },
  {
    name: 'to',
    value: 'ENDPOINT',
    help: 'where the terminal is (tcp:, unix:, ws:, wss:, serial:), after DIALECT+ if it does not speak JSONPOS',
    helps: { gateway: 'where the terminal is, and what it speaks (jsonpos+tcp:HOST:PORT)' },
    commands: ['pos', 'gateway'],
  },
  {
    name: 'terminal',
    value: 'NAME=ENDPOINT',
    repeats: true,
    help: 'a terminal and what tills call it (counter=tcp:10.0.0.5:10001), after DIALECT+ if it does not speak JSONPOS',
    commands: ['api'],
  },
  {
    name: 'tokens',
    value: 'FILE',
    help: 'who may use the API, and for what; without it everybody on this machine, and nobody else',
    commands: ['api'],
  },
  {
    name: 'scope',
    value: 'SCOPE',
    repeats: true,
    help: 'token add: what it is for: pay, refund, read (all sales), settle',
    commands: ['api'],
  },
  {
    name: 'for',
    value: 'TERMINAL',
    repeats: true,
    help: 'token add: a terminal that it is for; default: all',
    commands: ['api'],
  },
  {
    name: 'rate-limit',
    value: 'NUMBER|off',
    fallback: '200',
    help: 'requests a second of one token, or without tokens of one address; for a moment twice as many',
    commands: ['api'],
  },
  {
    name: 'drain',
    value: 'TIME',
    fallback: '5s',
    help: 'how long a sale that is under way may still take when the service is stopped; later it is asked about',
    commands: ['api'],
  },
  {
    name: 'store',
    value: 'DIR',
    help: 'where sales are recorded; default: posbridge/pos in $XDG_STATE_HOME, else in ~/.local/state',
    commands: ['pos', 'api'],
  },
  {
    name: 'terminal-store',
    value: 'DIR',
    help: 'where the protocol of a terminal (DIALECT+ENDPOINT) remembers what it must, such as counters; default: terminal in --journal',
    helps: {
      pos: 'where the protocol of the terminal remembers what it must, such as counters; default: terminal in --store',
    },
    commands: [...REAL, 'pos', 'gateway'],
  },
  {
    name: 'api-key-file',
    value: 'FILE',
    help: 'a file whose one line is the api_key of questions about transactions whose own is not known; without it POSBRIDGE_API_KEY is looked at',
    helps: {
      api: 'a file whose one line is the api_key of every request to a terminal; without it POSBRIDGE_API_KEY is looked at',
      pos: 'a file whose one line is the api_key of every request; without it POSBRIDGE_API_KEY is looked at',
    },
    commands: [...REAL, 'pos', 'api'],
  },
  {
    name: 'login-file',
    value: 'FILE',
    help: 'a file whose one line is NAME:PASSWORD, for Basic authentication over WebSocket; without it POSBRIDGE_LOGIN is looked at',
    commands: ['pos', 'api'],
  },
  {
    name: 'language',
    value: 'CODE',
    help: 'in which language the terminal speaks to the cashier (fi)',
    commands: ['pos', 'api'],
  },
  {
    name: 'receipt',
    value: 'ID',
    help: 'purchase, refund and reverse: receipt_id, new for every sale; default: the next number of the store',
    commands: ['pos'],
  },
  {
    name: 'sequence',
    value: 'ID|none',
    help: 'purchase, refund and reverse: sequence_id, or none: the sale goes out without one; default: 1',
    commands: ['pos'],
  },
  {
    name: 'forced-authorization',
    help: 'purchase and refund: ask the terminal to authorise online',
    commands: ['pos'],
  },
  {
    name: 'close',
    help: 'totals: the period ends, and the next one begins',
    commands: ['pos'],
  },
  {
    name: 'allow',
    value: 'HOST:PORT',
    repeats: true,
    help: 'proxy and test: what the terminal may reach (either may be or contain *); default: public addresses',
    commands: ['pos'],
  },
  {
    name: 'parallel',
    value: 'NUMBER',
    fallback: '1',
    help: 'test: so many at once',
    commands: ['pos'],
  },
  {
    name: 'connect-timeout',
    value: 'TIME',
    fallback: '10s',
    help: 'how long a connection is tried for before anything is sent; what was sent is looked for as long as --outcome-wait',
    commands: ['pos', 'api'],
  },
  {
    name: 'discard',
    value: 'TIME',
    help: 'before synchronising, throw away what arrives in this time: left over from an earlier connection',
    commands: ['pos'],
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
    helps: {
      pos: 'begin every connection by _Sync; default on serial: lines, where --no-sync turns it off',
    },
    commands: [...REAL, 'pos'],
  },
  {
    name: 'link-speed',
    value: 'BYTES_PER_S|off',
    help: 'write no faster than this; default: what the line carries, where --tty or baudRate= say so, else off',
    helps: {
      serve: 'write no faster than this; default: off',
      pos: 'write no faster than this; default: what the line carries, where baudRate= says so, else off',
    },
    commands: [...REAL, 'pos'],
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
    helps: {
      pos: 'run this shell command when connecting to the terminal has failed 5 times in a row, and every 5 times after',
      api: 'run this shell command when connecting to a terminal has failed 5 times in a row, and every 5 times after',
    },
    commands: ['bridge', 'pos', 'api'],
  },
  {
    name: 'torture',
    help: 'read and write one byte at a time, to test what depends on more',
    commands: [...ALL, 'fsc-server'],
  },
  {
    name: 'dialect',
    value: 'NAME',
    help: 'what is spoken in the record; default: found out, and in a capture known',
    commands: ['inspect'],
  },
  {
    name: 'pcapng',
    value: 'FILE',
    help: 'write the record for Wireshark instead of showing it, masked as it is',
    commands: ['inspect'],
  },
  { name: 'dialect', value: 'NAME', fallback: 'jsonpos', help: 'what the peer speaks', commands: ALL },
  {
    name: 'dialect',
    value: 'NAME',
    help: 'answer registers in this protocol (sca), without a bridge between',
    commands: ['terminal'],
  },
  {
    name: 'sites',
    value: 'FILE',
    help: 'the sites and how they log in, a JSON file; default: those of the specification',
    commands: ['fsc-server'],
  },
  {
    name: 'name',
    value: 'TEXT',
    help: 'name of the connection, before its random part; default: the peer',
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
    helps: {
      pos: 'how long the terminal may take to answer, in all or for METHOD (may contain *)',
    },
    commands: EVERY_WIRE,
  },
  {
    name: 'keepalive',
    value: 'IDLE,BUSY,LIMIT',
    fallback: '30,5,20',
    fallbacks: { pos: '30,5,5', api: '30,5,5' },
    help: 'seconds between own keepalives, between them while a request is open, and for the answer; or off',
    commands: [...EVERY_WIRE, 'api'],
  },
  {
    name: 'outcome-wait',
    value: 'TIME',
    fallback: '15m',
    help: 'how long a lost outcome is looked for (seconds, or with s, m, h, d)',
    helps: {
      api: 'how long a lost outcome is looked for before a sale is called unknown; then it is looked for on',
      pos: 'how long a lost outcome is looked for, by check and recover too (seconds, or with s, m, h, d)',
    },
    commands: [...EVERY_WIRE, 'api'],
  },
  {
    name: 'drain',
    value: 'TIME',
    help: 'how long transactions may go on after SIGTERM, at most an hour, before their outcome is left unknown; default: as long as other requests, 2.5 s',
    helps: {
      gateway: 'how long sales may go on after SIGTERM, at most an hour; default: 4.8 s',
    },
    commands: [...REAL, 'gateway'],
  },
  {
    name: 'outcome',
    value: 'CODE',
    repeats: true,
    help: 'an error code that means "not charged", beside those of docs/errors.md',
    commands: [...REAL, 'pos', 'api'],
  },
  {
    name: 'not-found-after',
    value: 'TIME',
    fallback: '5s',
    help: 'how long after a transaction was sent "not found" begins to count; where a terminal knows finished sales only, longer than a customer takes',
    commands: [...REAL, 'pos', 'api'],
  },
  {
    name: 'max-frame',
    value: 'BYTES',
    fallback: '262134',
    help: 'largest JSON text of a frame',
    commands: [...EVERY_WIRE, 'api'],
  },
  {
    name: 'lock',
    value: 'PATH|none',
    help: 'lock file that keeps transactions of one terminal apart; default: in the journal, else in /run/lock by where Purchase goes',
    commands: REAL,
  },
  {
    name: 'journal',
    value: 'DIR|nats://…',
    help: 'record transactions in this folder, or on this cluster of NATS servers, in which {peer} and {connection} are filled in: none is lost or doubled, whatever crashes',
    helps: {
      journal: 'the folder of the journal, or where it is on a cluster',
    },
    commands: RECORDED,
  },
  {
    name: 'allow-single',
    help: 'a journal at nats: may have one replica, on one server: what that one loses is lost',
    commands: RECORDED,
  },
  {
    name: 'nats-creds',
    value: 'FILE',
    help: 'nats: what to sign in with: a .creds file, an NKey seed, or USER:PASSWORD',
    commands: RECORDED,
  },
  {
    name: 'nats-ca',
    value: 'FILE',
    help: 'nats: over TLS, and who may have signed the certificates of the servers, PEM',
    commands: RECORDED,
  },
  {
    name: 'nats-cert',
    value: 'FILE',
    help: 'nats: over TLS, and the certificate that we show, PEM',
    commands: RECORDED,
  },
  {
    name: 'nats-key',
    value: 'FILE',
    help: 'nats: the key of --nats-cert, PEM',
    commands: RECORDED,
  },
  {
    name: 'journal-keep',
    value: 'TIME',
    fallback: '30d',
    help: 'how long an ended transaction keeps its identifiers',
    helps: {
      api: 'how long an ended sale stays in the store, and its key with it',
      journal: 'prune: remove what ended longer ago than this',
    },
    commands: [...RECORDED, 'api'],
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
    help: "whose connections they are, also '{peer}': told to applications, and part of every transaction's identity; default: nobody's in particular",
    helps: {
      api: 'how the register is called, where the protocol of a terminal wants a name',
      pos: 'how this register is called, where the protocol of the terminal wants a name',
      gateway: 'how the register is called, where the protocol of the terminal wants a name',
      journal: 'only entries of this register; default: of any',
    },
    commands: [...RECORDED, 'pos', 'gateway', 'api'],
  },
  {
    name: 'database',
    value: 'URL',
    help: 'the database of the central system: sqlite:PATH or postgres://…; default: the SQLite file that serve makes',
    commands: ['charger'],
  },
  {
    name: 'chargers',
    value: 'FILE',
    help: 'add: the file of the charge points that may connect',
    commands: ['charger'],
  },
  {
    name: 'password-file',
    value: 'FILE',
    help: 'a file whose one line is the password of this charge point',
    helps: {
      charger: 'add: a file whose one line is the password; default: a new random key, which is shown',
    },
    commands: ['charger', 'charge-point'],
  },
  {
    name: 'since',
    value: 'WHEN',
    help: 'list and export: only what began since then (2025-01-31, 2025-01-31T12:00Z, or 2h for 2 hours ago)',
    helps: { charger: 'transactions, frames and export: only what began since then, as many as there are' },
    commands: ['journal', 'charger'],
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
    help: 'list and export: only running, unresolved, contradicted, done-approved, done-error, absent or damaged ones',
    commands: ['journal'],
  },
  {
    name: 'json',
    help: 'one JSON object a line, for programs',
    helps: {
      journal: 'list and show: one JSON object a line, for programs',
      charger: 'list, show, transactions and frames: one JSON object a line, for programs',
    },
    commands: ['journal', 'charger', 'pos', 'ports', 'fsc-server', 'charge-point', 'status', 'inspect'],
  },
  {
    name: 'connect',
    value: 'ENDPOINT',
    repeats: true,
    help: 'be attached here (unix:, tcp:, fd:, fifo:), besides or instead of --listen',
    commands: ['terminal'],
  },
  {
    name: 'state',
    value: 'DIR',
    help: 'remember transactions in this folder; without it they are forgotten at the end',
    commands: ['terminal'],
  },
  {
    name: 'delay',
    value: 'MS',
    fallback: '1000',
    help: 'from a purchase to its answer; with --interactive, three times what the issuer takes',
    commands: ['terminal'],
  },
  {
    name: 'screen',
    value: 'ENDPOINT',
    help: 'show the terminal to browsers (tcp:127.0.0.1:8080)',
    helps: {
      serve: 'ocpp1.6: show the charge points to browsers (tcp:127.0.0.1:8080), and let people act on them',
      demo: 'show the terminal to browsers here instead of on tcp:127.0.0.1:8080',
    },
    commands: ['serve', 'terminal', 'demo'],
  },
  {
    name: 'screen-files',
    value: 'DIR',
    help: 'the icons of the status bar (wbs_connected.png, wbs_disconnected.png) instead of the built-in ones',
    commands: ['terminal', 'demo'],
  },
  {
    name: 'receipts',
    value: 'text|lines',
    fallback: 'text',
    help: 'receipts in answers: text ({"text": …}, as public registers read them) or lines (an array)',
    commands: ['terminal'],
  },
  {
    name: 'interactive',
    help: 'a person at the screen presents cards and presses keys, not the last digits of the amount',
    commands: ['terminal'],
  },
  {
    name: 'to',
    value: 'ENDPOINT',
    help: 'the central system, the identity at the end of its path (ws:, wss:)',
    commands: ['charge-point'],
  },
  {
    name: 'script',
    value: 'STEPS|@FILE',
    help: 'what it does, steps with commas between: boot, authorize, start, meter, stop, wait, offline; default: boot,authorize,start,wait 5,meter,wait 5,stop',
    commands: ['charge-point'],
  },
  {
    name: 'stay',
    help: 'go on when the script is played: answer calls, send heartbeats and meter values, until stopped',
    commands: ['charge-point'],
  },
  { name: 'tag', value: 'TEXT', fallback: '04A1B2C3D4', help: 'who charges', commands: ['charge-point'] },
  {
    name: 'connectors',
    value: 'NUMBER',
    fallback: '2',
    help: 'how many connectors it has',
    commands: ['charge-point'],
  },
  {
    name: 'power',
    value: 'WATTS',
    fallback: '11000',
    help: 'how fast a connector charges',
    commands: ['charge-point'],
  },
  {
    name: 'meter-every',
    value: 'TIME',
    fallback: '60s',
    help: 'between meter values of a running transaction',
    commands: ['charge-point'],
  },
  {
    name: 'script',
    value: 'FILE',
    help: 'answer as this scenario says, then exit: 0 if every request was the expected one, else 76',
    commands: ['terminal'],
  },
  {
    name: 'script',
    value: 'NAME|FILE',
    help: 'play this script with the first site, then exit: 0 if everything went as it says, else 1',
    commands: ['fsc-server'],
  },
  {
    name: 'set',
    value: 'NAME=VALUE',
    repeats: true,
    help: 'how the platform behaves, over what the script says (heartbeat=5, charsets=none, messages=text)',
    commands: ['fsc-server'],
  },
  {
    name: 'texts',
    value: 'FILE',
    repeats: true,
    help: 'texts for the cashier in further languages, a JSON object',
    commands: ['terminal'],
  },
  {
    name: 'terminal-version',
    value: 'VERSION',
    fallback: '18.9.0',
    help: 'what TerminalInfo tells as version',
    commands: ['terminal'],
  },
  {
    name: 'terminal-link-speed',
    value: 'BYTES_PER_S',
    fallback: '100000',
    help: 'what TerminalInfo tells as link_speed',
    commands: ['terminal'],
  },
  {
    name: 'download-url',
    value: 'URL',
    help: 'what the test large_file_download gets (http://192.0.2.7/file#sha256=HEX)',
    commands: ['terminal'],
  },
  {
    name: 'by',
    value: 'NAME',
    help: 'settle: who says so; default: the login name',
    commands: ['journal'],
  },
  {
    name: 'capture',
    value: 'FILE',
    help: 'write what crosses the wire and the channels, masked, with times, for posbridge inspect; {pid} is filled in',
    commands: ALL,
  },
  {
    name: 'capture-size',
    value: 'MB',
    fallback: '64',
    help: 'when the file of --capture is so large it becomes FILE.1, and a new one begins; five older ones are kept',
    commands: ALL,
  },
  {
    name: 'status',
    value: 'ENDPOINT',
    help: 'tell what this process does, over HTTP: /metrics, /health, /ready, /connections, /transactions (unix:/run/posbridge/status.sock, tcp:127.0.0.1:9464)',
    commands: OBSERVED,
  },
  {
    name: 'status-dir',
    value: 'DIR',
    help: 'tell what this process does in a file of its own in this folder, where posbridge status finds it',
    helps: {
      status: 'the folder where processes tell what they do',
      trace: 'the folder where processes tell what they do',
    },
    fallbacks: { status: '/run/posbridge', trace: '/run/posbridge' },
    commands: [...OBSERVED, 'status', 'trace'],
  },
  {
    name: 'at',
    value: 'ENDPOINT',
    help: 'ask the process whose --status this is (unix:, tcp:), instead of looking into --status-dir',
    commands: ['status', 'trace'],
  },
  {
    name: 'watch',
    help: 'show it as it changes, until Ctrl-C',
    commands: ['status'],
  },
  {
    name: 'off',
    help: 'messages of the connection are logged no longer',
    commands: ['trace'],
  },
  {
    name: 'metrics',
    help: 'what Prometheus reads, summed over all processes: for the textfile collector of node_exporter',
    commands: ['status'],
  },
  {
    name: 'log-level',
    value: 'error|warn|info|debug|trace',
    fallback: 'info',
    fallbacks: { pos: 'warn' },
    help: 'how much the log says; trace shows messages, masked',
    commands: EVERY_PROGRAM,
  },
  {
    name: 'log-format',
    value: 'human|json',
    fallback: 'human',
    help: 'lines for people, or a JSON object a line',
    commands: EVERY_PROGRAM,
  },
  {
    name: 'log-time',
    value: 'auto|on|off',
    fallback: 'auto',
    help: 'whether human lines begin with the time; auto: where standard error is a file, since log programs and systemd write their own',
    commands: EVERY_PROGRAM,
  },
  { name: 'config', value: 'FILE', help: 'read options from a JSON object in FILE', commands: EVERY },
  { name: 'help', help: 'show this help; so do -h and posbridge help COMMAND', commands: EVERY },
  { name: 'version', help: 'show the version', commands: EVERY },
] as const satisfies readonly OptionSpec[];

export type OptionName = (typeof COMMON)[number]['name'] | DialectOptionName;

/** The options of all dialects, each in the commands that its dialect has a role in. */
const OF_DIALECTS: readonly OptionSpec[] = DIALECTS.flatMap(({ name, roles, options }) =>
  options.map(({ isNotSimulated, ...option }: DialectOption) => ({
    ...option,
    help: `${name}: ${option.help}`,
    commands: [
      ...(roles.includes('listens') ? REAL : REAL.slice(0, 1)),
      ...(roles.includes('simulates') && isNotSimulated !== true ? (['terminal'] as const) : []),
    ],
  })),
);

export const OPTIONS: readonly OptionSpec[] = COMMON.flatMap((option) =>
  option.name === 'dialect' && 'fallback' in option ? [option, ...OF_DIALECTS] : [option],
);

export function optionsOf(command: CommandName): readonly OptionSpec[] {
  return OPTIONS.filter((option) => option.commands.includes(command));
}

/** What an option does in a command. */
export function helpOf({ help, helps }: OptionSpec, command: CommandName): string {
  return helps?.[command] ?? help;
}

/** The default of an option in a command, as it would be written. */
export function fallbackOf({ fallback, fallbacks }: OptionSpec, command: CommandName): string | undefined {
  return fallbacks?.[command] ?? fallback;
}

export function environmentName(option: string): string {
  return `POSBRIDGE_${option.toUpperCase().replaceAll('-', '_')}`;
}

/**
 * Secrets are never values of options: they come from the file that an option names, else from a variable of their own.
 */
export const SECRETS = {
  'api-key-file': 'POSBRIDGE_API_KEY',
  'login-file': 'POSBRIDGE_LOGIN',
} as const satisfies Partial<Record<OptionName, string>>;
