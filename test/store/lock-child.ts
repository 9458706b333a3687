// A process that takes the transaction lock of a path when it is told to, for lock.integration.test.ts.
import { openKernelLock } from '../../src/store/lock.ts';

const [path = '', connection = ''] = process.argv.slice(2);
const lock = await openKernelLock(path).catch((fault: Error) => {
  process.send?.({ refused: fault.message });
  process.disconnect?.();
  return process.exit(111);
});
let release = (): void => undefined;

process.on('message', (order) => {
  if (order === 'release') {
    release();
    process.send?.({ released: true });
    return;
  }
  const attempt = lock.tryAcquire({ connection, pid: process.pid, since: new Date().toISOString() });
  if (attempt.acquired) release = attempt.release;
  process.send?.({ acquired: attempt.acquired });
});
process.send?.({ ready: true });
