// A process that writes lines to a named pipe for fifo.integration.test.ts: `fifo-writer-child PATH NUMBER SIZE…`.
// It writes lines of the sizes in turn until it is told to stop, then says how many it wrote. Told to exit, it does.
import { systemClock } from '../../src/base/clock.ts';
import { openFifoWriter } from '../../src/channel/fifo.ts';
import { lineOf } from './fifo-lines.ts';

const [path = '', number = '', ...sizes] = process.argv.slice(2);
let isStopped = false;
process.on('message', (order) => {
  if (order === 'exit') process.exit(0);
  isStopped = true;
});

const wire = await openFifoWriter(path, { clock: systemClock, env: process.env });
let isClosed = (): void => undefined;
const closed = new Promise<void>((resolve) => {
  isClosed = resolve;
});
wire.start({
  chunk: () => undefined,
  end: () => undefined,
  closed: () => isClosed(),
});
let n = 0;
while (!isStopped) {
  const size = Number(sizes[n % sizes.length]);
  const line = lineOf({ writer: Number(number), n, size });
  if (n === 0) process.send?.({ begun: true });
  await new Promise<void>((resolve, reject) => {
    wire.write(line, (fault) => (fault === undefined ? resolve() : reject(fault)));
  });
  n += 1;
}
wire.endOutput();
await closed;
process.send?.({ written: n }, () => process.disconnect());
