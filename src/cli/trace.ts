import { systemClock } from '../base/clock.ts';
import { BridgeError, describeFault } from '../base/errors.ts';
import { pause } from '../base/pause.ts';
import { quoteText } from '../base/printable.ts';
import { askForTrace } from '../status/ask-status.ts';
import { readStatusFolder, readWishes, type ToldStatus, writeWishes } from '../status/status-folder.ts';
import { EXIT } from './exit-codes.ts';
import { readFolder } from './readers.ts';
import type { Settings } from './settings.ts';
import { readPlace } from './status.ts';

/** A process looks at what is wanted of it once a second. */
const LOOK_MS = 200;
const LOOKS = 25;

/** `posbridge trace`: switches the trace of one connection of a running process on or off. */
export async function runTrace(settings: Settings, [connection]: readonly string[]): Promise<number> {
  if (connection === undefined) {
    throw new BridgeError('USAGE', 'say which connection, as posbridge status names it');
  }
  const isOn = settings.flag('off') !== true;
  const at = readPlace(settings);
  if (at === undefined) await traceInFolder(readFolder(settings, 'status-dir') ?? '', connection, isOn);
  else if (!(await askForTrace(at, connection, isOn))) throw unknown(connection, at.text);
  const what = isOn ? 'every message of it is logged' : 'its messages are logged no longer';
  process.stderr.write(
    `posbridge: ${quoteText(connection, MAX_SHOWN)}: ${what}, where its process writes its log\n`,
  );
  return EXIT.ok;
}

async function traceInFolder(folder: string, connection: string, isOn: boolean): Promise<void> {
  const { file } = await find(folder, connection);
  const { trace } = await readWishes(file);
  const others = trace.filter((one) => one !== connection);
  try {
    await writeWishes(file, { trace: isOn ? [...others, connection] : others });
  } catch (cause) {
    throw new BridgeError('STATE_OPEN_FAILED', `cannot write into ${folder}: ${describeFault(cause)}`, {
      cause,
    });
  }
  for (let look = 0; look < LOOKS; look += 1) {
    const { status } = await find(folder, connection);
    if (status.connections.some((one) => one.connection === connection && one.is_traced === isOn)) return;
    await pause(systemClock, LOOK_MS);
  }
  throw new BridgeError('TIMEOUT', 'the process has not taken notice in 5 s: it may be stopped');
}

async function find(folder: string, connection: string): Promise<ToldStatus> {
  const told = await readStatusFolder(folder, systemClock).catch((cause: unknown) => {
    throw new BridgeError('STATE_OPEN_FAILED', `cannot look into ${folder}: ${describeFault(cause)}`, {
      cause,
    });
  });
  const found = told.find(
    ({ isAlive, status }) => isAlive && status.connections.some((one) => one.connection === connection),
  );
  if (found === undefined) throw unknown(connection, folder);
  return found;
}

function unknown(connection: string, where: string): BridgeError {
  const text = `there is no connection ${quoteText(connection, MAX_SHOWN)} at ${where}; posbridge status names them`;
  return new BridgeError('USAGE', text);
}

const MAX_SHOWN = 200;
