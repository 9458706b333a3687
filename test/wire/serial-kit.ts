import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { SerialEndpoint, SerialOptions } from '../../src/endpoint/endpoint.ts';
import { temporaryFolder } from './bundle.ts';

export interface Cable {
  readonly ours: string;
  readonly theirs: string;
  readonly socat: ChildProcess;
  /** Pulls the plug, and resolves when the line is gone. */
  unplug(): Promise<void>;
}

/** Two terminals joined like a null modem cable, until the test is over. */
export async function nullModem(folder = temporaryFolder()): Promise<Cable> {
  const [ours, theirs] = [join(folder, 'ttyUSB0'), join(folder, 'ttyUSB1')];
  const socat = spawn('socat', ['-d', '-d', `pty,link=${ours}`, `pty,raw,echo=0,link=${theirs}`]);
  const gone = new Promise<void>((resolve) => socat.once('exit', () => resolve()));
  const unplug = () => {
    socat.kill('SIGKILL');
    return gone;
  };
  onTestFinished(unplug);
  await new Promise<void>((resolve) => {
    socat.stderr.on('data', (bytes) => String(bytes).includes('starting data transfer') && resolve());
  });
  return { ours, theirs, socat, unplug };
}

export function serialEndpoint(path: string, options: SerialOptions = {}): SerialEndpoint {
  const query = Object.entries(options).map(([name, value]) => `${name}=${value}`);
  const text = `serial:${path}${query.length === 0 ? '' : `?${query.join('&')}`}`;
  return { kind: 'serial', text, device: { kind: 'path', path }, options };
}

/** What `stty -a` says of a line. */
export function settingsOf(path: string): string {
  return execFileSync('stty', ['-a', '-F', path]).toString();
}

/** The speed that a line is set to, also one that `stty` has no name for. */
export function speedOf(path: string): number {
  const script = `import fcntl, struct, sys
termios2 = fcntl.ioctl(open(sys.argv[1]), 0x802C542A, bytes(44))
print(struct.unpack('=I', termios2[40:44])[0])`;
  return Number(execFileSync('python3', ['-c', script, path]).toString());
}

/** How many descriptors of this process are open to the terminal that a link leads to. */
export function descriptorsOf(terminal: string): number {
  return readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).replace(' (deleted)', '') === terminal;
    } catch {
      return false;
    }
  }).length;
}
