// Contestants as processes of their own, on real pipes or on TCP, without what would slow only some of them down.
import { execFile, spawn } from 'node:child_process';
import { closeSync, constants, openSync, readdirSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { connect, createServer, Socket } from 'node:net';
import path from 'node:path';
import { promisify } from 'node:util';

const ROOT = path.join(import.meta.dirname, '../..');
/** Where the program is that `posbridge` starts: ours, but inside of `withProgramOf`. */
const OURS = path.join(ROOT, 'bin/posbridge.js');
let program = OURS;

/** Whatever `run` starts of ours is the program of another folder. */
export async function withProgramOf(folder, run) {
  program = path.join(folder, 'bin/posbridge.js');
  try {
    return await run();
  } finally {
    program = OURS;
  }
}

/** Of every child: as it is, without what changes how Node.js or posbridge starts. */
const ENVIRONMENT = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !/^(NODE_.*|POSBRIDGE_.*|PROTO)$/.test(name)),
);

/** The bridge as everybody runs it. */
export function posbridge(...args) {
  return [process.execPath, OURS, ...args];
}

/** The same without its log. */
export function quietPosbridge(...args) {
  return posbridge(...args, '--log-level', 'error');
}

/** A program of the folder contestants/. */
export function contestant(name, ...args) {
  return [process.execPath, path.join(import.meta.dirname, 'contestants', name), ...args];
}

const children = new Set();

/** Resolves with the exit status by `exited`; a child that cannot be started rejects it. */
export function start([file, ...args], stdio) {
  const given = args.map((arg) => (arg === OURS ? program : arg));
  const child = spawn(file, given, { stdio, env: ENVIRONMENT });
  children.add(child);
  child.exited = new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => {
      children.delete(child);
      resolve(code);
    });
  });
  child.exited.catch(() => {});
  return child;
}

/** At the end, whatever happened. */
export function killAll() {
  for (const child of children) child.kill('SIGKILL');
}

let pipes = 0;

/** A pipe as the kernel makes it (Node.js would make a pair of sockets): two blocking descriptors. */
export async function makePipe(folder) {
  pipes += 1;
  const place = path.join(folder, `pipe-${pipes}`);
  await promisify(execFile)('mkfifo', [place]);
  const both = openSync(place, constants.O_RDWR); // so that neither of these waits for the other
  const readFd = openSync(place, constants.O_RDONLY);
  const writeFd = openSync(place, constants.O_WRONLY);
  closeSync(both);
  await rm(place);
  return { readFd, writeFd };
}

/** A process between two pipes: what we write, what we read. */
export async function startOnPipes(command, folder) {
  const [toChild, fromChild] = [await makePipe(folder), await makePipe(folder)];
  const child = start(command, [toChild.readFd, fromChild.writeFd, 'inherit']);
  closeSync(toChild.readFd);
  closeSync(fromChild.writeFd);
  const input = new Socket({ fd: toChild.writeFd, readable: false, writable: true });
  const output = new Socket({ fd: fromChild.readFd, readable: true, writable: false });
  return { child, input, output };
}

/** A process whose standard input and output are a TCP connection, as a super-server starts it. */
export async function startOnTcp(command, stderr = 'inherit') {
  const server = createServer({ pauseOnConnect: true, noDelay: true });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const accepted = new Promise((resolve) => server.once('connection', resolve));
  const socket = connect({ port: server.address().port, host: '127.0.0.1', noDelay: true });
  const theirs = await accepted;
  const child = start(command, [theirs, theirs, stderr]);
  theirs.destroy();
  server.close();
  return { child, input: socket, output: socket };
}

/** Resident size in MB: `VmRSS` now, `VmHWM` at most so far. */
export function residentMb({ pid }, field) {
  const [, kb] = new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(
    readFileSync(`/proc/${pid}/status`, 'latin1'),
  );
  return Number(kb) / 1024;
}

/** Proportional size in MB: pages that several processes share count once for all of them. */
export function proportionalMb(pid) {
  const [, kb] = /^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1'));
  return Number(kb) / 1024;
}

/** Milliseconds that processors have spent on a process so far, all threads that live. */
export function processorMs({ pid }) {
  const tasks = readdirSync(`/proc/${pid}/task`).map((task) =>
    Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'latin1').split(' ')[0]),
  );
  return tasks.reduce((sum, ns) => sum + ns, 0) / 1e6;
}

/** The payment application; ready when this resolves. */
export async function startApplication(socketPath) {
  const child = start(contestant('application.cjs', socketPath), ['ignore', 'pipe', 'inherit']);
  await new Promise((resolve) => child.stdout.once('data', resolve));
  return child;
}
