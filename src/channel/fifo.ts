/**
 * Named pipes. One goes one way: `ui`, `payment` and `storage` are written, by any number of bridges; `device` is
 * read, by one. No open waits for the other end, and no thread does.
 */
export { type FifoReaderOptions, openFifoReader } from './fifo-reader.ts';
export { type FifoWriterOptions, openFifoWriter } from './fifo-writer.ts';
