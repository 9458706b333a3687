import type { TransactionEnd } from './open-request.ts';

/** A transaction that runs in this process without a journal. */
export interface Running {
  /** What has to be the same in a repeated request. */
  readonly compared: string;
  /** Whoever waits for its end. */
  readonly waiting: ((end: TransactionEnd) => void)[];
}

/** By the terminal and what identifies them there. */
const running = new Map<string, Running>();

export function runningNamed(name: string): Running | undefined {
  return running.get(name);
}

/** It runs from now on; what is returned ends it, and tells everybody who waits. */
export function beginRunning(name: string, compared: string): (end: TransactionEnd) => void {
  const own: Running = { compared, waiting: [] };
  running.set(name, own);
  return (end) => {
    if (running.get(name) === own) running.delete(name);
    for (const wait of own.waiting.splice(0)) wait(end);
  };
}
