// Plays many seeds: pieces of them on as many processes as there are processors.
import { fork } from 'node:child_process';
import { appendFileSync, existsSync, readFileSync } from 'node:fs';

/** Seeds that a process is given at a time. The digest of a run is made of theirs. */
const PIECE = 50;
const MOST_STORIES = 3;
/** A history leaves much behind that lived for a moment. */
export const NODE_OPTIONS = ['--max-semi-space-size=32', '--enable-source-maps'];

/** @returns what came of each piece, in the order of their seeds; with `isUntilFailed`, up to the first that failed. */
export async function playPieces({ program, code, from, seeds, jobs, isUntilFailed, keep }) {
  const kept = keep === undefined ? new Map() : readKept(keep, code);
  const orders = [];
  for (let at = from; at < from + seeds; at += PIECE) {
    orders.push({ from: at, count: Math.min(PIECE, from + seeds - at), isUntilFailed });
  }
  const pieces = [];
  let told = 0;
  let firstFailed = Number.POSITIVE_INFINITY;
  const done = (piece) => {
    pieces.push(piece);
    told += piece.told;
    if (piece.failed > 0) firstFailed = Math.min(firstFailed, piece.from);
    if (!isUntilFailed) tell(piece);
  };
  const next = () => {
    for (;;) {
      const order = orders.shift();
      if (order === undefined || (isUntilFailed && order.from > firstFailed)) return undefined;
      const before = kept.get(order.from);
      if (before?.count !== order.count) return { ...order, stories: Math.max(0, MOST_STORIES - told) };
      done({ ...before, isKept: true });
    }
  };

  const player = () =>
    new Promise((resolve, reject) => {
      const child = fork(program, { execArgv: NODE_OPTIONS });
      const goOn = () => {
        const order = next();
        if (order === undefined) child.disconnect();
        else child.send(order);
      };
      child.on('message', (piece) => {
        if (keep !== undefined && !isUntilFailed) {
          appendFileSync(keep, `${JSON.stringify({ code, ...piece })}\n`);
        }
        done(piece);
        goOn();
      });
      child.on('error', reject);
      child.on('exit', (status, signal) =>
        status === 0 ? resolve() : reject(new Error(`a process ended with ${signal ?? status}`)),
      );
      goOn();
    });
  await Promise.all(Array.from({ length: Math.min(jobs, Math.max(1, orders.length)) }, player));
  const wanted = pieces.filter((piece) => !isUntilFailed || piece.from <= firstFailed);
  wanted.sort((one, other) => one.from - other.from);
  if (isUntilFailed) wanted.forEach(tell);
  return wanted;
}

function tell({ text }) {
  for (const line of text) console.log(line);
}

/** What the same code has played before. */
function readKept(file, code) {
  if (!existsSync(file)) return new Map();
  const lines = readFileSync(file, 'utf8').split('\n').filter(Boolean);
  const pieces = lines.map((line) => JSON.parse(line)).filter((piece) => piece.code === code);
  return new Map(pieces.map((piece) => [piece.from, piece]));
}
