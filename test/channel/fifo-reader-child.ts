// A process that makes and reads a named pipe for fifo.integration.test.ts: `fifo-reader-child PATH`.
import { openFifoReader } from '../../src/channel/fifo.ts';

process.on('message', () => process.exit(0));
try {
  const wire = await openFifoReader(process.argv[2] ?? '', { create: true });
  wire.start({ chunk: () => undefined, end: () => undefined, closed: () => undefined });
  process.send?.({ opened: true });
} catch (fault) {
  process.send?.({ refused: (fault as Error).message }, () => process.exit(111));
}
