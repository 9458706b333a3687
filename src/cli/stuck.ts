import { spawn } from 'node:child_process';
import { type Clock, systemClock, type Timer } from '../base/clock.ts';
import { describeFault } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';

const LIMIT_MS = 60_000;
/** What the command has between SIGTERM and SIGKILL. */
const GRACE_MS = 1500;
const LOOK_MS = 50;

export interface StuckCommandOptions {
  readonly wire: string;
  readonly failures: number;
  readonly log: Logger;
  /** Aborted: the command is ended. */
  readonly signal: AbortSignal;
  readonly clock?: Clock;
}

/**
 * Runs the operator's command for a line that seems to be stuck, by `sh -c`, for at most a minute. It is told the wire
 * and the number of failures in its environment; what it writes goes to the log. Never rejects.
 *
 *   running ──exit──▶ over
 *   running ──a minute, or the signal: SIGTERM──▶ ending ──exit of all of it──▶ over
 *                                                 ending ──1.5 s: SIGKILL, not waited for──▶ over
 */
export function runStuckCommand(
  command: string,
  { wire, failures, log, signal, clock = systemClock }: StuckCommandOptions,
): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  log.warn('the line seems to be stuck: running the command of --on-stuck', { failures });
  return new Promise((resolve) => {
    const env = { ...process.env, STUCK_WIRE: wire, STUCK_FAILURES: String(failures) };
    // A group of its own, so that what the shell has started is ended as well.
    const child = spawn('/bin/sh', ['-c', command], { env, stdio: ['ignore', 2, 2], detached: true });
    let state: 'running' | 'ending' | 'over' = 'running';
    let limit = clock.after(LIMIT_MS, () => end());
    let look: Timer | undefined;
    const over = (why: string | undefined) => {
      state = 'over';
      limit.cancel();
      look?.cancel();
      signal.removeEventListener('abort', end);
      if (why !== undefined) log.warn('the command of --on-stuck failed', { why });
      resolve();
    };
    const end = () => {
      if (state !== 'running') return;
      state = 'ending';
      limit.cancel();
      killGroup(child.pid, 'SIGTERM');
      limit = clock.after(GRACE_MS, () => {
        killGroup(child.pid, 'SIGKILL');
        child.unref(); // stuck in the kernel it would not end now either
        over('it did not end');
      });
    };
    /** What the shell has started has the same time to end. */
    const overWithGroup = (why: string | undefined) => {
      if (state === 'over') return;
      if (state === 'running' || !killGroup(child.pid, 0)) over(why);
      else look = clock.after(LOOK_MS, () => overWithGroup(why));
    };
    signal.addEventListener('abort', end);
    child.on('error', (fault) => overWithGroup(describeFault(fault)));
    child.on('exit', (code, by) => {
      overWithGroup(code === 0 ? undefined : by === null ? `exit status ${code}` : `ended by ${by}`);
    });
  });
}

/** Whether there is anything left of it. */
function killGroup(pid: number | undefined, signal: NodeJS.Signals | 0): boolean {
  if (pid === undefined) return false;
  try {
    return process.kill(-pid, signal);
  } catch {
    return false;
  }
}
