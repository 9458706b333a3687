import { spawn } from 'node:child_process';
import { systemClock } from '../base/clock.ts';
import { describeFault } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';

const LIMIT_MS = 60_000;

/**
 * Runs the operator's command for a line that seems to be stuck, by `sh -c`, for at most a minute. It is told the wire and
 * the number of failures in its environment; what it writes goes to the log. Never rejects.
 */
export function runStuckCommand(
  command: string,
  { wire, failures, log }: { readonly wire: string; readonly failures: number; readonly log: Logger },
): Promise<void> {
  log.warn('the line seems to be stuck: running the command of --on-stuck', { failures });
  return new Promise((resolve) => {
    const env = { ...process.env, STUCK_WIRE: wire, STUCK_FAILURES: String(failures) };
    // A group of its own, so that the time limit ends what the shell has started as well.
    const child = spawn('/bin/sh', ['-c', command], { env, stdio: ['ignore', 2, 2], detached: true });
    const limit = systemClock.after(LIMIT_MS, () => killGroup(child.pid));
    const over = (why: string | undefined) => {
      limit.cancel();
      if (why !== undefined) log.warn('the command of --on-stuck failed', { why });
      resolve();
    };
    child.on('error', (fault) => over(describeFault(fault)));
    child.on('exit', (code, signal) =>
      over(code === 0 ? undefined : signal === null ? `exit status ${code}` : `ended by ${signal}`),
    );
  });
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It has just ended.
  }
}
