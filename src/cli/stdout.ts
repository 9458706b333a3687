import { describeFault } from '../base/errors.ts';

let isHeard = false;

/**
 * Writes to standard output; resolves when all is written, false when nobody reads any more (`| head`): that is no
 * fault. Rejects with any other one.
 */
export async function writeOut(text: string): Promise<boolean> {
  if (!isHeard) process.stdout.on('error', () => {}); // told to the callback
  isHeard = true;
  const fault = await new Promise<Error | null | undefined>((resolve) => {
    process.stdout.write(text, resolve);
  });
  if (!fault) return true;
  const failure = outputFailure(fault);
  if (failure === undefined) return false;
  throw failure;
}

/** What is to be said of a failed write to standard output; undefined where nobody reads any more. */
export function outputFailure(fault: unknown): Error | undefined {
  if ((fault as NodeJS.ErrnoException).code === 'EPIPE') return undefined;
  return new Error(`standard output: ${describeFault(fault)}`, { cause: fault });
}

/** The same, line by line into one piece. */
export function writeLines(lines: readonly string[]): Promise<boolean> {
  return writeOut(lines.map((line) => `${line}\n`).join(''));
}
