import { BridgeError, describeFault } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import { createLogger, describeLostLines } from '../base/logger.ts';
import { maskText } from '../base/mask.ts';
import { quoteText } from '../base/printable.ts';
import type { Disconnection } from '../pos/keeper.ts';
import { PosClient } from '../pos/pos-client.ts';
import { PeerError } from '../pos/pos-error.ts';
import { noteInherited } from '../wire/fd.ts';
import { EXIT } from './exit-codes.ts';
import { printable } from './journal-view.ts';
import { readLogOptions } from './log-options.ts';
import { didYouMean } from './nearest.ts';
import type { OptionName } from './options.ts';
import { ABORT_HINT, withSyncHint } from './pos-hints.ts';
import { Interrupts } from './pos-interrupts.ts';
import type { PreparePos } from './pos-job.ts';
import { prepareProxy, prepareTest } from './pos-proxy.ts';
import { prepareCheck, preparePurchase, prepareRecover, prepareRefund, prepareReverse } from './pos-sale.ts';
import { PosScreen } from './pos-screen.ts';
import { resolvePosSettings } from './pos-settings.ts';
import { StuckWatch } from './pos-stuck.ts';
import {
  prepareAbort,
  prepareCall,
  prepareInfo,
  prepareStatus,
  prepareTotals,
  prepareWatch,
} from './pos-talk.ts';
import { jsonLine } from './pos-view.ts';
import type { Settings } from './settings.ts';

interface Action {
  /** How many operands follow, at least and at most. */
  readonly operands: readonly [number, number];
  /** What it wants, for an error text. */
  readonly form: string;
  readonly prepare: PreparePos;
  /** It makes a sale, and takes the options about one. */
  readonly isSale?: true;
  /** It tells from the store what became of sales. */
  readonly isLookup?: true;
  /** It offers the network, and takes the options about that. */
  readonly isNetwork?: true;
}

const ACTIONS: ReadonlyMap<string, Action> = new Map<string, Action>([
  [
    'purchase',
    { operands: [2, 2], form: 'AMOUNT CURRENCY (12.30 EUR)', prepare: preparePurchase, isSale: true },
  ],
  ['refund', { operands: [2, 2], form: 'AMOUNT CURRENCY (12.30 EUR)', prepare: prepareRefund, isSale: true }],
  [
    'reverse',
    {
      operands: [3, 4],
      form: 'AMOUNT CURRENCY RECEIPT [SEQUENCE] (12.30 EUR 17)',
      prepare: prepareReverse,
      isSale: true,
    },
  ],
  ['check', { operands: [1, 2], form: 'RECEIPT [SEQUENCE]', prepare: prepareCheck, isLookup: true }],
  ['recover', { operands: [0, 0], form: 'nothing more', prepare: prepareRecover, isLookup: true }],
  ['totals', { operands: [0, 0], form: 'nothing more', prepare: prepareTotals }],
  ['status', { operands: [0, 0], form: 'nothing more', prepare: prepareStatus }],
  ['info', { operands: [0, 0], form: 'nothing more', prepare: prepareInfo }],
  ['watch', { operands: [0, 0], form: 'nothing more', prepare: prepareWatch }],
  ['abort', { operands: [0, 0], form: 'nothing more', prepare: prepareAbort }],
  ['call', { operands: [1, 2], form: "METHOD ['{…}']", prepare: prepareCall }],
  ['proxy', { operands: [0, 0], form: 'nothing more', prepare: prepareProxy, isNetwork: true }],
  [
    'test',
    { operands: [1, 1], form: 'TEST_ID (large_file_download)', prepare: prepareTest, isNetwork: true },
  ],
]);

const SALE_OPTIONS: readonly OptionName[] = ['receipt', 'sequence', 'forced-authorization'];
const NETWORK_OPTIONS: readonly OptionName[] = ['allow', 'max-connections'];
const MAX_SHOWN = 200;

/** `posbridge pos`: the register's side. Results go to standard output, words and progress to standard error. */
export async function runPos(settings: Settings, [name, ...operands]: readonly string[]): Promise<number> {
  noteInherited();
  const isJson = settings.flag('json') === true;
  const { action, work, level, render } = prepare(settings, name, operands, isJson);
  const interrupts = new Interrupts();
  const screen = new PosScreen({ isJson, describeLost: describeLostLines(render) });
  const log = createLogger({ ...render, level, sink: screen.sink });
  for (const warning of settings.warnings) log.warn(warning);
  const bugStatus = action.isSale ? EXIT.unknown : EXIT.temporary;
  guardAgainstBugs(bugStatus, screen, log);
  let client: PosClient | undefined;
  let last: Disconnection | undefined;
  let stuck: StuckWatch | undefined;
  try {
    const isStoring = action.isSale === true || action.isLookup === true;
    const options = await resolvePosSettings(settings, { env: process.env, log, isStoring });
    client = await PosClient.open(options);
    const to = maskText(typeof options.to === 'string' ? options.to : options.to.text);
    client.on('disconnected', (disconnection) => {
      last = disconnection;
    });
    stuck = new StuckWatch(client, { command: settings.text('on-stuck'), to, log });
    const status = await work({ settings, operands, client, screen, interrupts, to });
    // The status of a sale is the truth about it, whether or not anybody could read more.
    return screen.hasLostLines && !action.isSale ? EXIT.temporary : status;
  } catch (cause) {
    const fault = withSyncHint(cause, { last, isSync: settings.flag('sync') });
    if (isJson) await screen.print([faultLine(fault)]);
    screen.end();
    if (fault instanceof BridgeError) throw fault;
    if (fault instanceof RangeError) throw new BridgeError('USAGE', fault.message, { cause: fault });
    const isAnswer = fault instanceof PeerError;
    if (isAnswer) {
      const hint = name === 'abort' ? `; ${ABORT_HINT}` : '';
      screen.say(`posbridge: the terminal says ${printable(fault.message)}${hint}`);
    }
    if (!isAnswer) log.error('internal error', { why: describeFault(fault), fault });
    return isAnswer ? EXIT.declined : bugStatus;
  } finally {
    await client?.close();
    await stuck?.close();
    screen.close();
    interrupts.close();
  }
}

/** All that can be refused before anything is opened. Programs are told on standard output as well. */
function prepare(settings: Settings, name: string | undefined, operands: readonly string[], isJson: boolean) {
  try {
    const action = readAction(settings, name, operands);
    const { level, ...render } = readLogOptions(settings);
    return { action, work: action.prepare(settings, operands), level, render };
  } catch (fault) {
    process.stdout.on('error', () => {}); // nobody reads; the status says it as well
    if (isJson) process.stdout.write(`${faultLine(fault)}\n`);
    throw fault;
  }
}

/** A register takes 0 and 1 for the truth about a sale: no bug must end with one of them. */
function guardAgainstBugs(status: number, screen: PosScreen, log: Logger): void {
  process.exitCode = status; // of a process that ends because nothing is left to be waited for
  const bug = (fault: unknown) => {
    log.error('internal error', { why: describeFault(fault), fault });
    screen.close();
    process.exit(status);
  };
  process.on('uncaughtException', bug);
  process.on('unhandledRejection', bug);
}

function readAction(settings: Settings, name: string | undefined, operands: readonly string[]): Action {
  const names = [...ACTIONS.keys()];
  if (name === undefined) throw usage(`say what to do: ${names.join(', ')}`);
  const action = ACTIONS.get(name);
  if (action === undefined) {
    throw usage(
      `there is no action ${quoteText(name, MAX_SHOWN)}${didYouMean(name, names)}; there is ${names.join(', ')}`,
    );
  }
  const [min, max] = action.operands;
  const surplus = operands[max];
  if (surplus !== undefined) throw usage(`${quoteText(surplus, MAX_SHOWN)} is not understood after ${name}`);
  if (operands.length < min) throw usage(`${name} wants ${action.form}`);
  for (const option of SALE_OPTIONS) {
    if (settings.isGiven(option) && !action.isSale) throw settings.fault(option, `is nothing for ${name}`);
  }
  for (const option of NETWORK_OPTIONS) {
    if (settings.isGiven(option) && !action.isNetwork) throw settings.fault(option, `is nothing for ${name}`);
  }
  if (settings.isGiven('close') && name !== 'totals') throw settings.fault('close', `is nothing for ${name}`);
  if (settings.isGiven('parallel') && name !== 'test') {
    throw settings.fault('parallel', `is nothing for ${name}`);
  }
  return action;
}

function faultLine(fault: unknown): string {
  const code = fault instanceof BridgeError || fault instanceof PeerError ? fault.code : 'INTERNAL_ERROR';
  const text = fault instanceof PeerError ? fault.message : describeFault(fault);
  return jsonLine({ event: 'error', code, text });
}

function usage(text: string): BridgeError {
  return new BridgeError('USAGE', `${text}; see posbridge pos --help`);
}
