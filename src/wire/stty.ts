import { spawn } from 'node:child_process';
import type { Clock } from '../base/clock.ts';
import { describeFault } from '../base/errors.ts';

/**
 * Has `stty` set the terminal behind a descriptor, once the output that the kernel has taken is transmitted. Resolves
 * with why it failed, or undefined; never rejects. After `limitMs` it is killed.
 */
export function runStty(
  fd: number,
  settings: readonly string[],
  { clock, limitMs }: { readonly clock: Clock; readonly limitMs: number },
): Promise<string | undefined> {
  return new Promise((resolve) => {
    const child = spawn('stty', settings, { stdio: [fd, 'ignore', 'pipe'] });
    let why = '';
    let isLate = false;
    const limit = clock.after(limitMs, () => {
      isLate = true;
      child.kill('SIGKILL');
    });
    const over = (fault: string | undefined) => {
      limit.cancel();
      resolve(fault);
    };
    child.stderr?.on('data', (bytes: Buffer) => {
      if (why.length < MAX_TEXT) why += bytes.toString('latin1');
    });
    child.on('error', (fault) => over(`stty: ${describeFault(fault)}`));
    child.on('close', (status) => {
      if (status === 0) over(undefined);
      else over(isLate ? `stty was not done within ${limitMs} ms` : sttyFault(why));
    });
  });
}

/** One line out of what `stty` says on standard error. */
export function sttyFault(said: string): string {
  const line = said.trim().split('\n')[0] ?? '';
  return `stty: ${line.replace(/^stty: /, '').replace(/^'?standard input'?: /, '')}`;
}

const MAX_TEXT = 1000;
