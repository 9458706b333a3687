/** The one table of commands: the parser, the help and the documentation's tests read it. */

export interface CommandSpec {
  readonly usage: string;
  readonly help: string;
  /** What it can be told to do, where that is a word of its own. */
  readonly actions?: readonly ActionSpec[];
  /** What follows it that is no option, where it has no actions. */
  readonly operands?: readonly string[];
  /** Forms of the endpoints that its options take; empty where none does. */
  readonly endpoints: readonly string[];
  /** Its exit statuses, in words. */
  readonly statuses: Readonly<Record<number, string>>;
  /** Command lines that work as they stand. */
  readonly examples: readonly string[];
}

export interface ActionSpec {
  /** The action and what follows it. */
  readonly form: string;
  readonly help: string;
}

const USAGE = { 100: 'wrong usage or configuration' };
const TEMPORARY = { 111: 'temporary failure' };
const DONE = { 0: 'done', ...USAGE, ...TEMPORARY };
const CLOSED = { 0: 'closed normally', ...USAGE, ...TEMPORARY };
const BROKEN = { 76: 'the peer broke its protocol' };

const STREAMS = ['fd:N', 'fd:R,W', 'unix:PATH', 'unix:@NAME', 'tcp:HOST:PORT'];
const WIRES = [...STREAMS, 'serial:PATH?baudRate=115200', 'ws://HOST:PORT/PATH', 'wss://…'];
/** A terminal that speaks a protocol of its own. */
const TERMINAL = 'DIALECT+ENDPOINT';
const CHANNELS = [...STREAMS, 'fifo:PATH', TERMINAL, 'simulator:', 'null:'];
const LISTENERS = ['unix:PATH', 'unix:@NAME', 'tcp:HOST:PORT', 'ws://HOST:PORT/PATH', 'wss://…', 'fd:N'];

/** Each form once. */
function forms(...lists: readonly (readonly string[])[]): readonly string[] {
  return [...new Set(lists.flat())];
}

export const COMMANDS = {
  bridge: {
    usage: 'posbridge [options]',
    help: 'bridge the connection on standard input and output, then exit',
    endpoints: forms(WIRES, CHANNELS),
    statuses: { ...CLOSED, ...BROKEN },
    examples: [
      's6-tcpserver -C 10 0.0.0.0 10001 posbridge --app unix:/run/pay.sock',
      'posbridge --wire serial:/dev/ttyS0?baudRate=115200 --app unix:/run/pay.sock --journal /var/lib/posbridge',
    ],
  },
  serve: {
    usage: 'posbridge serve --listen ENDPOINT [options]',
    help: 'bridge every connection accepted on ENDPOINT, in one process',
    endpoints: forms(LISTENERS, CHANNELS),
    statuses: CLOSED,
    examples: [
      'posbridge serve --listen tcp:0.0.0.0:10001 --app unix:/run/pay.sock --journal /var/lib/posbridge',
      'posbridge serve --listen ws://127.0.0.1:8080/pos --app simulator:',
    ],
  },
  demo: {
    usage: 'posbridge demo [options]',
    help: 'a simulated terminal behind a listener on tcp:127.0.0.1:10001, to try things out',
    endpoints: LISTENERS,
    statuses: CLOSED,
    examples: ['posbridge demo', 'posbridge demo --listen tcp:127.0.0.1:10002 --screen tcp:127.0.0.1:8081'],
  },
  journal: {
    usage: 'posbridge journal ACTION [ID] [OUTCOME] --journal DIR [options]',
    help: 'look into the journal, settle an entry by hand',
    actions: [
      { form: 'list [ID]', help: 'a table, newest first' },
      { form: 'show ID', help: 'everything about one entry' },
      { form: 'export [ID]', help: 'every entry as it is stored, a JSON object a line' },
      { form: 'prune', help: 'remove what is older than --journal-keep' },
      { form: 'verify', help: 'read everything, and name what is damaged' },
      { form: 'copy PLACE', help: 'put every entry into another journal: a folder, or nats://…' },
      { form: 'settle ID OUTCOME', help: 'end an unresolved entry: approved or not-charged' },
    ],
    endpoints: [],
    statuses: DONE,
    examples: [
      'posbridge journal list --state unresolved --journal /var/lib/posbridge',
      'posbridge journal settle 17/1 not-charged --by alice --journal /var/lib/posbridge',
    ],
  },
  pos: {
    usage: 'posbridge pos ACTION [OPERANDS] --to ENDPOINT [options]',
    help: "the register's side: purchases that survive anything",
    actions: [
      {
        form: 'purchase AMOUNT CURRENCY',
        help: 'charge, as in 12.30 EUR; Ctrl-C asks the terminal to abort',
      },
      { form: 'refund AMOUNT CURRENCY', help: 'pay back' },
      {
        form: 'reverse AMOUNT CURRENCY RECEIPT [SEQUENCE]',
        help: 'undo the sale with this receipt, as a whole',
      },
      { form: 'check RECEIPT [SEQUENCE]', help: 'how an earlier sale ended' },
      { form: 'recover', help: 'find out about every sale that has no outcome yet' },
      { form: 'totals', help: 'what was approved since the period began; --close ends it' },
      { form: 'status', help: 'what the terminal does' },
      { form: 'info', help: 'what the terminal is' },
      { form: 'watch', help: 'what the terminal does, as it changes, until Ctrl-C' },
      { form: 'abort', help: "end what this register's connection has begun" },
      { form: 'call METHOD [PARAMS]', help: 'any other request; PARAMS are a JSON object' },
      { form: 'proxy', help: "offer this machine's network to the terminal, until Ctrl-C" },
      { form: 'test TEST', help: 'let the terminal carry out a test (large_file_download)' },
    ],
    endpoints: [...WIRES, TERMINAL],
    statuses: {
      0: 'approved, or answered',
      1: 'declined, cancelled, not started, not known to the terminal, or an error as the answer',
      2: 'approved, but for another amount or currency',
      75: 'the outcome is not known yet',
      ...USAGE,
      111: 'no connection and nothing sent, or no store',
    },
    examples: [
      'posbridge pos purchase 12.30 EUR --to tcp:127.0.0.1:10001',
      'posbridge pos recover --to serial:/dev/ttyACM0?baudRate=115200 --store /var/lib/till',
    ],
  },
  api: {
    usage: 'posbridge api --listen ENDPOINT --terminal NAME=ENDPOINT [options]',
    help: 'terminals of any protocol as an HTTP and JSON service, for tills of any language',
    actions: [
      {
        form: 'token add NAME',
        help: 'let somebody in: writes a new token into --tokens, and shows it once',
      },
      { form: 'token list', help: 'whose tokens there are, and what for' },
      { form: 'token remove NAME', help: 'let somebody in no more' },
    ],
    endpoints: forms(WIRES, [TERMINAL]),
    statuses: CLOSED,
    examples: [
      'posbridge api --listen tcp:127.0.0.1:8480 --terminal counter=tcp:10.0.0.5:10001 --store /var/lib/till',
      'posbridge api token add till-1 --tokens /etc/posbridge/tokens.json --scope pay --scope read',
    ],
  },
  gateway: {
    usage: 'posbridge gateway --listen ENDPOINT --to DIALECT+ENDPOINT [options]',
    help: 'a payment terminal of any protocol as an application, for any number of bridges',
    endpoints: forms(STREAMS, [TERMINAL]),
    statuses: CLOSED,
    examples: [
      'posbridge gateway --listen unix:/run/pay.sock --to jsonpos+tcp:10.0.0.5:10001 --terminal-store /var/lib/pt',
    ],
  },
  'fsc-server': {
    usage: 'posbridge fsc-server --listen ENDPOINT [options]',
    help: 'a simulated OpenFSC payment platform, for sites to connect to',
    endpoints: LISTENERS,
    statuses: { ...CLOSED, 1: 'the script was not kept' },
    examples: ['posbridge fsc-server --listen tcp:127.0.0.1:8080'],
  },
  charger: {
    usage: 'posbridge charger ACTION [IDENTITY] [options]',
    help: 'look into the database of charge points, let one in',
    actions: [
      { form: 'list', help: 'every charge point, with its connectors' },
      { form: 'show IDENTITY', help: 'everything about one charge point' },
      { form: 'transactions [IDENTITY]', help: 'the newest 50 transactions' },
      { form: 'frames [IDENTITY]', help: 'the newest 50 messages, masked' },
      { form: 'export [IDENTITY]', help: 'every transaction with its meter values, a JSON object a line' },
      { form: 'add IDENTITY', help: 'let a charge point in: writes its entry, and shows its new key once' },
    ],
    endpoints: [],
    statuses: DONE,
    examples: [
      'posbridge charger list --database sqlite:/var/lib/posbridge/ocpp.db',
      'posbridge charger add CP001 --chargers /etc/posbridge/chargers.json',
    ],
  },
  'charge-point': {
    usage: 'posbridge charge-point --to ENDPOINT [options]',
    help: 'a simulated charge point, to try a central system with',
    endpoints: ['ws://HOST:PORT/PATH', 'wss://…'],
    statuses: { ...CLOSED, 1: 'a step of the script came to nothing' },
    examples: [
      'posbridge charge-point --to ws://127.0.0.1:9000/ocpp/CP001',
      'posbridge charge-point --to ws://127.0.0.1:9000/ocpp/CP001 --script boot,authorize,start --stay',
    ],
  },
  status: {
    usage: 'posbridge status [VIEW] [options]',
    help: 'what running posbridges do, and who is connected',
    actions: [
      { form: 'connections', help: 'who is connected, since when, doing what' },
      { form: 'transactions', help: 'every transaction that is open, the oldest first' },
      {
        form: 'stuck',
        help: 'what does not go on: old transactions, missing applications and lines, queues, journals',
      },
      {
        form: 'lost',
        help: 'processes that died with something open, unknown outcomes, lines that were dropped',
      },
    ],
    endpoints: ['unix:PATH', 'unix:@NAME', 'tcp:HOST:PORT'],
    statuses: {
      0: 'shown; of stuck and lost: there is nothing',
      1: 'stuck, lost: there is something',
      ...USAGE,
      ...TEMPORARY,
    },
    examples: ['posbridge status', 'posbridge status --at tcp:127.0.0.1:9464 --watch'],
  },
  trace: {
    usage: 'posbridge trace CONNECTION [options]',
    help: 'log every message of one connection while it runs',
    operands: ['CONNECTION'],
    endpoints: ['unix:PATH', 'unix:@NAME', 'tcp:HOST:PORT'],
    statuses: DONE,
    examples: ['posbridge trace 10.0.0.7.turGispN9QYB', 'posbridge trace 10.0.0.7.turGispN9QYB --off'],
  },
  inspect: {
    usage: 'posbridge inspect FILE|- [options]',
    help: 'recorded bytes of any dialect as a dialogue, with times and with what is wrong',
    operands: ['FILE|-'],
    endpoints: [],
    statuses: { 0: 'shown, and nothing is wrong', 1: 'something is wrong', ...USAGE, ...TEMPORARY },
    examples: [
      'posbridge inspect /var/log/posbridge.capture',
      'posbridge inspect dump.bin --dialect ecr-eft',
    ],
  },
  ports: {
    usage: 'posbridge ports [options]',
    help: 'list the serial ports of this machine, and how to name them',
    endpoints: [],
    statuses: DONE,
    examples: ['posbridge ports'],
  },
  terminal: {
    usage: 'posbridge terminal --listen ENDPOINT [options]',
    help: 'a simulated payment terminal for bridges or registers, with a screen in the browser',
    endpoints: forms(STREAMS, ['fifo:PATH', 'ws://HOST:PORT/PATH', 'wss://…']),
    statuses: { ...CLOSED, 76: 'a request was not the one that the script expected' },
    examples: [
      'posbridge terminal --listen unix:/run/pay.sock --screen tcp:127.0.0.1:8080 --interactive',
      'posbridge terminal --dialect sca --wire ws://127.0.0.1:8015/ --skip-pos-auth --screen tcp:127.0.0.1:8080',
    ],
  },
} as const satisfies Record<string, CommandSpec>;
export type CommandName = keyof typeof COMMANDS;

export function actionsOf(command: CommandName): readonly ActionSpec[] {
  const { actions = [] }: CommandSpec = COMMANDS[command];
  return actions;
}

/** How many arguments that are no options a command takes at most, its action included. */
export function maxOperandsOf(command: CommandName): number {
  const { operands = [] }: CommandSpec = COMMANDS[command];
  return Math.max(operands.length, ...actionsOf(command).map(({ form }) => form.split(' ').length));
}
