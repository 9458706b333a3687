import { execFileSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { accessOf, isInherited } from '../../src/wire/fd.ts';
import { bundleOf } from './bundle.ts';
import { openFifo } from './pairs.ts';

interface Inspection {
  readonly descriptors: Readonly<Record<string, { target: string; isInherited: boolean }>>;
  readonly outcomes: readonly string[];
  readonly openedLater: boolean;
}

/** Runs the inspection as the shell or Python line `command` says, in which NODE stands for it. */
async function inspect(
  shell: 'bash' | 'python3',
  command: string,
  pairs: unknown[] = [],
): Promise<Inspection> {
  const bundle = await bundleOf('inspect');
  const args = shell === 'bash' ? ['bash'] : [];
  const output = execFileSync(
    shell,
    ['-c', command, ...args, process.execPath, bundle, JSON.stringify(pairs)],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  return JSON.parse(output.toString());
}

/** High numbers are the shell's and the test runner's: bash keeps the ends of <(…) from 63 downwards. */
const HIGHEST = 40;

function inherited({ descriptors }: Inspection): number[] {
  return Object.keys(descriptors)
    .map(Number)
    .filter((fd) => fd <= HIGHEST && descriptors[fd]?.isInherited)
    .sort((a, b) => a - b);
}

describe('isInherited', () => {
  test('knows the runtime by what it opens: only 0, 1 and 2 are inherited by a plain start', async () => {
    const seen = await inspect('bash', '"$@" 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-');
    expect(inherited(seen)).toEqual([0, 1, 2]);
    expect(Object.keys(seen.descriptors).length).toBeGreaterThan(8);
  });

  test('knows what was given among the runtime’s own: files, pipes, /dev/null, FIFOs', async () => {
    const { path } = openFifo();
    const seen = await inspect(
      'bash',
      `exec 3>&- 4>&- 6>&- 8>&-; "$@" 5</dev/null 7</etc/passwd 9< <(:) 11<>${path} 30</dev/null 31> >(cat)`,
    );
    expect(inherited(seen)).toEqual([0, 1, 2, 5, 7, 9, 11, 30, 31]);
  });

  test('says no for what the program has opened after it has noted what it was given', async () => {
    expect((await inspect('bash', '"$@"')).openedLater).toBe(false);
  });

  test('says no for a descriptor that is not open', () => {
    expect(isInherited(987)).toBe(false);
  });
});

describe('openFdWire refuses', () => {
  test('what was not inherited', async () => {
    const { outcomes } = await inspect('bash', '"$@" 5>&-', [
      { read: 4, write: 4 },
      { read: 987, write: 987 },
    ]);
    expect(outcomes[0]).toMatch(/^FD_NOT_INHERITED: descriptor 4 was not given/);
    expect(outcomes[1]).toMatch(/^FD_NOT_INHERITED: descriptor 987 was not given/);
  });

  test('a direction that a descriptor was not opened for', async () => {
    const { outcomes } = await inspect('bash', '"$@" 5</etc/passwd 6>/dev/null', [{ write: 5 }, { read: 6 }]);
    expect(outcomes).toEqual([
      'ENDPOINT_INVALID: descriptor 5 is open for reading, it is needed for writing',
      'ENDPOINT_INVALID: descriptor 6 is open for writing, it is needed for reading',
    ]);
  });

  test('a folder and the controlling side of a pseudo-terminal', async () => {
    const { outcomes } = await inspect('bash', '"$@" 5</tmp 6<>/dev/ptmx', [
      { read: 5 },
      { read: 6, write: 6 },
    ]);
    expect(outcomes).toEqual([
      'ENDPOINT_INVALID: descriptor 5 is the folder /tmp: a stream is needed',
      'ENDPOINT_INVALID: descriptor 6 is the controlling side of a pseudo-terminal: a stream is needed',
    ]);
  });

  test.each(['SOCK_DGRAM', 'SOCK_SEQPACKET'])('a UNIX socket of type %s', async (type) => {
    const give = `import os, socket, sys; s = socket.socketpair(socket.AF_UNIX, socket.${type}); os.dup2(s[0].fileno(), 15); os.execvp(sys.argv[1], sys.argv[1:])`;
    const { outcomes } = await inspect('python3', give, [{ read: 15, write: 15 }]);
    expect(outcomes).toEqual(['ENDPOINT_INVALID: descriptor 15 is a datagram socket: a stream is needed']);
  });

  test('a UDP socket', async () => {
    const give = `import os, socket, sys; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); os.dup2(s.fileno(), 15); os.execvp(sys.argv[1], sys.argv[1:])`;
    const { outcomes } = await inspect('python3', give, [{ read: 15, write: 15 }]);
    expect(outcomes).toEqual(['ENDPOINT_INVALID: descriptor 15 is a datagram socket: a stream is needed']);
  });
});

describe('accessOf', () => {
  test('says what a descriptor was opened for', () => {
    const { read, write } = openFifo();
    expect([accessOf(read), accessOf(write)]).toEqual(['read', 'write']);
  });

  test('refuses a descriptor that is not open', () => {
    expect(() => accessOf(987)).toThrow(expect.objectContaining({ code: 'FD_NOT_INHERITED' }));
  });
});
