import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { interleave } from '../interleave.mjs';
import { frameOf, notificationOf } from '../messages.mjs';

const ROOT = path.join(import.meta.dirname, '../../..');
const READ_BYTES = 65_536;
const NORMAL = '64 KB reads of 1 KB frames';
/** The smallest that a register may send. */
const SMALLEST = frameOf('{"jsonrpc":"2.0","method":"A","params":{}}');

/**
 * Nanoseconds a byte of the bridge's JSONPOS side, inside this process: frames split, messages checked, handed on to
 * nobody. Hostile splits and sizes against ordinary reads of ordinary frames.
 */
export async function measure({ isQuick, folder }) {
  const jsonpos = await loadDialect(folder);
  const some = isQuick ? 4_000_000 : 32_000_000;
  const [normal, largest] = [repeated(notificationOf(1024), some), repeated(notificationOf(262_134), some)];
  const smallest = Buffer.concat(Array(100_000).fill(SMALLEST));
  const receive = (bytes, readBytes) => {
    const reads = []; // made before: cutting them is no part of the cost
    for (let at = 0; at < bytes.length; at += readBytes) reads.push(bytes.subarray(at, at + readBytes));
    return async () => ({ nsPerByte: receiveAll(jsonpos, reads) / bytes.length });
  };
  const { nsPerByte } = await interleave(
    {
      [NORMAL]: receive(normal, READ_BYTES),
      '64 KB reads of the smallest frames': receive(smallest, READ_BYTES),
      '100 000 frames in one read': receive(smallest, smallest.length),
      'frames of 262 134 bytes': receive(largest, READ_BYTES),
    },
    { rounds: isQuick ? 5 : 21, warmUp: 2 },
  );
  const { [NORMAL]: normalCost, ...cases } = nsPerByte;
  return Object.entries(cases).map(([name, samples]) => ({
    title: `worst case: ${name}`,
    unit: 'ns/byte',
    subject: name,
    reference: NORMAL,
    goal: { atMost: 3 },
    results: { [name]: samples, [NORMAL]: normalCost },
  }));
}

/** From the sources: it is no part of the library. */
async function loadDialect(folder) {
  const outfile = path.join(folder, 'dialect.mjs');
  const entry = path.join(ROOT, 'src/dialect/jsonpos/dialect.ts');
  await build({
    entryPoints: [entry],
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    packages: 'external',
    define: { POSBRIDGE_VERSION: '"bench"', POSBRIDGE_TEST_BUILD: 'false' },
    logLevel: 'error',
  });
  return (await import(pathToFileURL(outfile).href)).jsonpos;
}

/** Nanoseconds that these reads take. */
function receiveAll(jsonpos, reads) {
  let notifications = 0;
  const events = {
    request: () => {},
    notification: () => {
      notifications += 1;
    },
    inputEnded: () => {},
    closed: () => {},
  };
  const conversation = jsonpos.converse(hostOf(events), 'stream', {
    maxFrameBytes: 262_134,
    keepalive: 'off',
    sync: false,
  });
  const startNs = process.hrtime.bigint();
  for (const read of reads) conversation.receive(read);
  const ns = Number(process.hrtime.bigint() - startNs);
  if (notifications === 0) throw new Error('bench: no message came through');
  return ns;
}

/** All that a conversation may use, doing nothing. */
function hostOf(events) {
  const nothing = () => {};
  const log = { error: nothing, warn: nothing, info: nothing, debug: nothing, trace: nothing };
  return {
    clock: {
      nowMs: () => 0,
      wallMs: () => 0,
      after: () => ({ cancel: nothing }),
      afterInput: () => ({ cancel: nothing }),
    },
    log: { ...log, enabled: () => false, with: () => log },
    statistics: { count: nothing },
    randomId: () => 'bench',
    send: nothing,
    discardOutput: nothing,
    opened: () => events,
    finished: (reason) => {
      throw new Error(`bench: the conversation ended: ${JSON.stringify(reason)}`);
    },
  };
}

function repeated(json, bytes) {
  const frame = frameOf(json);
  return Buffer.concat(Array(Math.ceil(bytes / frame.length)).fill(frame));
}
