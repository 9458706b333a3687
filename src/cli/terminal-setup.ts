import { readFile, stat } from 'node:fs/promises';
import { systemClock } from '../base/clock.ts';
import { describeFault } from '../base/errors.ts';
import { textOfFile } from '../base/text-file.ts';
import type { TcpEndpoint } from '../endpoint/endpoint.ts';
import { JournalStore } from '../terminal/journal-store.ts';
import { DOWNLOAD_FORM, type DownloadSource, readDownloadUrl } from '../terminal/network/download.ts';
import { LIMITS, parseScript, type Script } from '../terminal/script.ts';
import type { ScriptPlayer } from '../terminal/script-player.ts';
import { Terminal, type TerminalOptions } from '../terminal/terminal.ts';
import { Texts } from '../terminal/texts.ts';
import type { Program } from './program.ts';
import { readFolder, readInteger } from './readers.ts';
import { readScreen } from './screen-option.ts';
import type { Settings } from './settings.ts';

const MAX_DELAY_MS = 999_999;
const MAX_LINK_SPEED = 1_000_000_000;

/** What a simulated terminal is to be like, whoever it answers. */
export interface TerminalSetup
  extends Pick<TerminalOptions, 'delayMs' | 'version' | 'linkSpeed' | 'isInteractive' | 'receipts'> {
  readonly screen: TcpEndpoint | undefined;
  /** Pictures for the screen's page. */
  readonly pictures: string | undefined;
  readonly state: string | undefined;
  readonly script: Script | undefined;
  readonly download?: DownloadSource;
  readonly texts: Texts;
}

/**
 * Lets those speak to a terminal who are to. `over` resolves when nobody can any more; what has to be given back at the
 * end is added to `closing`.
 */
export type Attach = (
  terminal: Terminal,
  program: Program,
  closing: (() => unknown)[],
) => Promise<{ readonly over: Promise<unknown> }>;

export async function readSetup(settings: Settings): Promise<TerminalSetup> {
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
    screen,
    pictures: readPictures(settings, screen),
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

/** `--screen-files`: nobody sees them without a screen. */
function readPictures(settings: Settings, screen: TcpEndpoint | undefined): string | undefined {
  const folder = readFolder(settings, 'screen-files');
  if (folder !== undefined && screen === undefined)
    throw settings.fault(
      'screen-files',
      'nobody sees them without a screen; add --screen tcp:127.0.0.1:8080',
    );
  return folder;
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

/** Opens it with what it remembers. Rejects with STATE_OPEN_FAILED. */
export async function openTerminal(
  setup: TerminalSetup,
  { log }: Program,
  player: ScriptPlayer | undefined,
): Promise<Terminal> {
  const clock = systemClock;
  const { state, script: _, pictures: __, ...options } = setup;
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
export function killThisProcess(): void {
  process.kill(process.pid, 'SIGKILL');
}
