import { closeSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { createServer, Socket } from 'node:net';
import path from 'node:path';
import { interleave } from '../interleave.mjs';
import { contentLengthOf, frameOf, notificationOf } from '../messages.mjs';
import { contestant, makePipe, quietPosbridge, start } from '../processes.mjs';

/** JSON texts; the last one is the largest frame there is. */
const SIZES = [200, 1024, 65_536, 262_134];
const GOALS = { 1024: { atLeast: 1.5 } };
/** A file that holds about so much is read again and again. */
const BLOCK_BYTES = 4_000_000;
/** What each line has more than its message: the connection's name, which ends with twelve characters. */
const NAMED_BYTES = '"connection":"bench.a85rkpf5vuNW",'.length;
/** Where a channel that is a UNIX socket ends. */
const SINK = 'sink.sock';

/**
 * Notifications from standard input to a channel, in MB of JSON a second: what has arrived, not what was taken. A pipe
 * at both ends; once more with the channel on a UNIX socket. The bridge drops whole notifications that its channel
 * cannot take, so how many arrived is told too.
 */
export async function measure({ isQuick, folder }) {
  const totalBytes = isQuick ? 12_000_000 : 200_000_000;
  const comparisons = [];
  for (const size of SIZES) {
    const json = notificationOf(size);
    const frames = Math.floor(BLOCK_BYTES / size);
    const block = async (name, one) => {
      const file = path.join(folder, name);
      await writeFile(file, Buffer.concat(Array(frames).fill(one)));
      return { files: Array(Math.ceil(totalBytes / (frames * size))).fill(file), one };
    };
    const framed = await block('frames', frameOf(json));
    const headed = await block('messages', contentLengthOf(json));
    const sent = framed.files.length * frames;
    const run = (input, command, channel, lineBytes) => async () => {
      const { seconds, out } = await pump(input, command, channel, folder);
      const arrived = lineBytes === undefined ? sent : Math.min(sent, Math.round(out / lineBytes));
      return { rate: (arrived * size) / 1e6 / seconds, arrived: (100 * arrived) / sent };
    };
    const bridge = (channel) => {
      const endpoint = channel === 'unix' ? `unix:${path.join(folder, SINK)}` : `fd:${channel}`;
      const command = quietPosbridge(
        ...['--ui', endpoint, '--route', 'PosMessage=ui'],
        ...['--name', 'bench', '--keepalive', 'off', '--lock', 'none'],
      );
      return run(framed, command, channel, NAMED_BYTES + size + 1);
    };
    const metrics = await interleave(
      {
        posbridge: bridge(3),
        'posbridge (UNIX socket)': bridge('unix'),
        'split2 + JSON.parse': run(framed, contestant('plain.cjs'), 1),
        'vscode-jsonrpc (reads only)': run(headed, contestant('vscode-reader.cjs'), 1),
        cat: run(framed, ['cat'], 1),
      },
      { rounds: isQuick ? 3 : 7, warmUp: isQuick ? 0 : 1 },
    );
    for (const file of new Set([...framed.files, ...headed.files])) await rm(file);
    comparisons.push({
      title: `frames of ${size} bytes, stdin to a channel`,
      unit: 'MB/s',
      subject: 'posbridge',
      reference: 'split2 + JSON.parse',
      ...(GOALS[size] === undefined ? {} : { goal: GOALS[size] }),
      results: metrics.rate,
    });
    const { posbridge: onPipe, 'posbridge (UNIX socket)': onSocket } = metrics.arrived;
    comparisons.push({
      title: `of those frames of ${size} bytes arrived`,
      unit: '%',
      results: { posbridge: onPipe, 'posbridge (UNIX socket)': onSocket },
    });
  }
  return comparisons;
}

/** One run: the program is up when something of the first message has come out, then `cat` feeds it all the files. */
async function pump({ files, one }, command, channel, folder) {
  const toChild = await makePipe(folder);
  const stdio = [toChild.readFd, 'ignore', 'inherit'];
  const sink =
    channel === 'unix'
      ? await listeningSink(path.join(folder, SINK))
      : await pipeSink(stdio, channel, folder);
  const child = start(command, stdio);
  closeSync(toChild.readFd);
  sink.started();

  const probe = start(['head', '-c', `${one.length}`, files[0]], ['ignore', toChild.writeFd, 'inherit']);
  await probe.exited;
  await sink.quiet();

  const before = sink.bytes;
  const startMs = performance.now();
  const feeder = start(['cat', ...files], ['ignore', toChild.writeFd, 'inherit']);
  closeSync(toChild.writeFd);
  await feeder.exited;
  await child.exited;
  await sink.ended;
  return { seconds: (sink.lastMs - startMs) / 1000, out: sink.bytes - before };
}

const QUIET_MS = 50;

/** Counts what comes and notes when the last of it came. */
class Sink {
  bytes = 0;
  lastMs = 0;
  ended;
  #end;
  #told = () => {};

  constructor() {
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  count(bytes) {
    this.bytes += bytes;
    this.lastMs = performance.now();
    this.#told();
  }

  end() {
    this.#end();
  }

  /** The child has the other end. */
  started() {}

  /** Resolves when something has come and nothing more comes. */
  quiet() {
    return new Promise((resolve) => {
      let timer;
      this.#told = () => {
        clearTimeout(timer);
        timer = setTimeout(() => {
          this.#told = () => {};
          resolve();
        }, QUIET_MS);
      };
      if (this.bytes > 0) this.#told();
    });
  }
}

/** Of a pipe that is the child's descriptor `channel`. */
async function pipeSink(stdio, channel, folder) {
  const { readFd, writeFd } = await makePipe(folder);
  stdio[channel] = writeFd;
  const sink = new Sink();
  sink.started = () => closeSync(writeFd);
  const onread = {
    buffer: Buffer.allocUnsafe(65_536),
    callback: (count) => {
      sink.count(count);
      return true;
    },
  };
  const socket = new Socket({ fd: readFd, readable: true, writable: false, onread });
  socket.on('error', () => {}).on('close', () => sink.end());
  socket.resume();
  return sink;
}

/** Of a UNIX socket that the child connects to. */
async function listeningSink(place) {
  const sink = new Sink();
  const server = createServer((socket) => {
    server.close();
    socket.on('error', () => {}).on('close', () => sink.end());
    socket.on('data', (chunk) => sink.count(chunk.length));
  });
  await new Promise((resolve) => server.listen(place, resolve));
  return sink;
}
