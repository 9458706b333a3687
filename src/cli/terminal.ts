import { readFile, stat } from 'node:fs/promises';
import { systemClock } from '../base/clock.ts';
import { deferred } from '../base/deferred.ts';
import { BridgeError, describeFault } from '../base/errors.ts';
import { textOfFile } from '../base/text-file.ts';
import type { Endpoint, FifoEndpoint, TcpEndpoint } from '../endpoint/endpoint.ts';
import { expandEndpoint } from '../endpoint/expand.ts';
import { parseEndpoint } from '../endpoint/parse.ts';
import { JournalStore } from '../terminal/journal-store.ts';
import { DOWNLOAD_FORM, type DownloadSource, readDownloadUrl } from '../terminal/network/download.ts';
import { attachOnce, attachPipes, KeptConnection, type PlaceContext } from '../terminal/places.ts';
import { LIMITS, parseScript, type Script } from '../terminal/script.ts';
import { ScriptPlayer, type ScriptSummary } from '../terminal/script-player.ts';
import { Terminal, type TerminalOptions } from '../terminal/terminal.ts';
import { Texts } from '../terminal/texts.ts';
import { noteInherited, openFdWire } from '../wire/fd.ts';
import { listen } from '../wire/listen.ts';
import { EXIT } from './exit-codes.ts';
import { Program } from './program.ts';
import { readEndpoint, readFolder, readInteger } from './readers.ts';
import { readScreen } from './screen-option.ts';
import type { Settings } from './settings.ts';

const MAX_DELAY_MS = 999_999;
const MAX_LINK_SPEED = 1_000_000_000;

/**
 * `posbridge terminal`: a simulated payment terminal, until stopped, its script is played, or every descriptor is
 * closed.
 */
export async function runTerminal(settings: Settings): Promise<number> {
  noteInherited();
  const setup = await readSetup(settings);
  const program = await Program.start(settings);
  const { log } = program;
  const stopped = deferred<void>();
  program.onStop(stopped.resolve);
  const player =
    setup.script && new ScriptPlayer(setup.script, { clock: systemClock, log, die: killThisProcess });
  const closing: (() => unknown)[] = [];
  try {
    const terminal = await openTerminal(setup, program, player);
    closing.push(() => terminal.close());
    if (setup.screen !== undefined) {
      const [{ openScreen }, { terminalSource }] = await Promise.all([
        import('../screen/server.ts'),
        import('../terminal/screen/source.ts'),
      ]);
      const source = terminalSource(terminal.screen);
      const screen = await openScreen(setup.screen, source, { clock: systemClock, log });
      closing.push(() => screen.close());
      process.stderr.write(`The terminal's screen: ${screen.url}\n`);
    }
    const { over } = await attachAll(setup, terminal, program, closing);
    await Promise.race([stopped.promise, over, ...(player === undefined ? [] : [player.finished])]);
    return player === undefined ? EXIT.ok : tellSummary(player.summary, program);
  } finally {
    for (const close of closing.reverse()) await close();
    await program.end();
  }
}

interface Setup
  extends Pick<TerminalOptions, 'delayMs' | 'version' | 'linkSpeed' | 'isInteractive' | 'receipts'> {
  readonly listen: Endpoint | undefined;
  readonly connect: readonly Endpoint[];
  readonly screen: TcpEndpoint | undefined;
  readonly state: string | undefined;
  readonly script: Script | undefined;
  readonly download?: DownloadSource;
  readonly texts: Texts;
}

async function readSetup(settings: Settings): Promise<Setup> {
  const pid = String(process.pid);
  const listening = readEndpoint(settings, 'listen', 'listen');
  if (listening?.kind === 'ws')
    throw settings.fault('listen', `${listening.text} is not for a terminal; use unix: or tcp:`);
  const connect = settings.list('connect').map((text) => expandEndpoint(readPlace(settings, text), { pid }));
  if (listening === undefined && connect.length === 0) {
    throw new BridgeError(
      'USAGE',
      'say where bridges find the terminal, for instance --listen unix:/tmp/terminal.sock (and --app unix:/tmp/terminal.sock for posbridge)',
    );
  }
  const screen = readScreen(settings);
  const isInteractive = settings.flag('interactive') === true;
  if (isInteractive && screen === undefined && !settings.isGiven('script')) {
    throw settings.fault('interactive', 'nobody can act without a screen; add --screen tcp:127.0.0.1:8080');
  }
  const delayMs = readInteger(settings, 'delay', 0, MAX_DELAY_MS);
  const linkSpeed = readInteger(settings, 'terminal-link-speed', 1, MAX_LINK_SPEED);
  const version = settings.read('terminal-version', 'a version such as 18.9.0', (text) =>
    /^\d{1,4}\.\d{1,4}\.\d{1,4}$/.test(text) ? text : undefined,
  );
  const download = settings.read('download-url', DOWNLOAD_FORM, readDownloadUrl);
  const receipts = settings.read('receipts', 'text or lines', (text) =>
    text === 'text' || text === 'lines' ? text : undefined,
  );
  const texts = new Texts();
  for (const file of settings.list('texts')) await texts.addFile(file);
  return {
    listen: listening && expandEndpoint(listening, { pid }),
    connect,
    screen,
    isInteractive,
    texts,
    state: readFolder(settings, 'state'),
    script: await readScript(settings),
    ...(delayMs !== undefined && { delayMs }),
    ...(linkSpeed !== undefined && { linkSpeed }),
    ...(version !== undefined && { version }),
    ...(download !== undefined && { download }),
    ...(receipts !== undefined && { receipts }),
  };
}

const PLACES: ReadonlySet<Endpoint['kind']> = new Set(['unix', 'tcp', 'fd', 'fifo']);

function readPlace(settings: Settings, text: string): Endpoint {
  let endpoint: Endpoint;
  try {
    endpoint = parseEndpoint(text, 'channel');
  } catch (cause) {
    throw settings.fault('connect', describeFault(cause), cause);
  }
  if (PLACES.has(endpoint.kind)) return endpoint;
  throw settings.fault(
    'connect',
    `${endpoint.text} is no place for a terminal; use unix:, tcp:, fd: or fifo:`,
  );
}

async function readScript(settings: Settings): Promise<Script | undefined> {
  const file = settings.text('script');
  if (file === undefined) return undefined;
  try {
    const status = await stat(file);
    if (!status.isFile()) throw new Error('it is no regular file');
    if (status.size > LIMITS.fileBytes) throw new Error(`it is larger than ${LIMITS.fileBytes} bytes`);
    return parseScript(Buffer.from(textOfFile(await readFile(file))));
  } catch (cause) {
    throw settings.fault('script', `${file}: ${describeFault(cause)}`, cause);
  }
}

async function openTerminal(
  setup: Setup,
  { log }: Program,
  player: ScriptPlayer | undefined,
): Promise<Terminal> {
  const clock = systemClock;
  const { state, script: _, ...options } = setup;
  if (state === undefined) return new Terminal({ ...options, clock, log, ...(player && { script: player }) });
  const store = await JournalStore.open(state, { clock, log, texts: setup.texts });
  return new Terminal({
    ...options,
    clock,
    log,
    store,
    die: killThisProcess,
    ...(player && { script: player }),
  });
}

/** Like a power cut: what is not on the disk is lost. */
function killThisProcess(): void {
  process.kill(process.pid, 'SIGKILL');
}

/** `over` resolves when all places of the terminal are gone for good. */
async function attachAll(
  { listen: place, connect }: Setup,
  terminal: Terminal,
  { log }: Program,
  closing: (() => unknown)[],
): Promise<{ readonly over: Promise<unknown> }> {
  const context: PlaceContext = { clock: systemClock, log, random: Math.random };
  const overs: Promise<void>[] = [];
  const pipes = connect.filter((one): one is FifoEndpoint => one.kind === 'fifo');
  if (pipes.length > 0) overs.push((await attachPipes(terminal, pipes, context)).over);
  for (const endpoint of connect) {
    if (endpoint.kind === 'fd') overs.push(attachOnce(terminal, openFdWire(endpoint, context)));
    if (endpoint.kind !== 'unix' && endpoint.kind !== 'tcp') continue;
    const kept = new KeptConnection(terminal, endpoint, context);
    closing.push(() => kept.close());
    overs.push(NEVER);
  }
  if (place === undefined) return { over: Promise.all(overs) };
  const listener = await listen(place, {
    onWire: (wire) => terminal.attach(wire),
    onFault: (fault) => log.warn('a connection could not be accepted', { why: describeFault(fault) }),
  });
  closing.push(() => listener.close());
  log.info('listening', { on: listener.address });
  return { over: NEVER };
}

const NEVER = new Promise<never>(() => {});

/** 76, the status for a peer that breaks the rules, when it did not do what the script says. */
function tellSummary({ steps, done, misfits }: ScriptSummary, { log }: Program): number {
  const isGood = done === steps && misfits === 0;
  const fields = { 'steps done': done, of: steps, 'requests that did not fit': misfits };
  if (isGood) log.info('script finished', fields);
  else log.warn('script not kept', fields);
  return isGood ? EXIT.ok : EXIT.protocol;
}
