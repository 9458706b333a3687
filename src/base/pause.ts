import type { Clock } from './clock.ts';

/** Resolves after `ms`, or at once when one of `signals` aborts; leaves no timer and no listener behind. */
export function pause(clock: Clock, ms: number, ...signals: AbortSignal[]): Promise<void> {
  if (signals.some(({ aborted }) => aborted)) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      timer.cancel();
      for (const signal of signals) signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = clock.after(ms, done);
    for (const signal of signals) signal.addEventListener('abort', done);
  });
}
