import { systemClock } from '../base/clock.ts';
import { BridgeError, describeFault } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import { findDialect } from '../dialect/registry.ts';
import { expandPath } from '../endpoint/expand.ts';
import { Capture } from '../inspect/capture.ts';
import { CaptureFile, tryCaptureFile } from '../inspect/capture-file.ts';
import { readInteger } from './readers.ts';
import type { Settings } from './settings.ts';

const MB = 1024 * 1024;
const MAX_MB = 10_000;
const DEFAULT_MB = 64;

/** What `--capture` asks for. Throws a BridgeError where the file cannot be written. */
export function captureOf(settings: Settings): (log: Logger) => Capture {
  const path = expandPath(settings.text('capture') ?? '', { pid: String(process.pid) });
  const maxBytes = (readInteger(settings, 'capture-size', 1, MAX_MB) ?? DEFAULT_MB) * MB;
  try {
    tryCaptureFile(path);
  } catch (cause) {
    const text = `--capture: cannot write ${path}: ${describeFault(cause)}`;
    throw new BridgeError('STATE_OPEN_FAILED', text, { cause });
  }
  return (log) =>
    new Capture({
      file: new CaptureFile(path, maxBytes),
      clock: systemClock,
      log,
      inspectorOf: async (dialect) => findDialect(dialect)?.inspects?.(),
    });
}
