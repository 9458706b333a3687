// What the four modules share: lines of JSON-RPC on a UNIX socket, many connections at one time.
import { rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';

export const error = (name, text, more = {}) => ({
  error: { code: 1, message: text, data: { string_code: name, details: text, ...more } },
});
/** An outcome: nothing was charged, and nothing will be. */
export const refused = (name, text) => error(name, text, { outcome: 'not-charged' });
export const unknown = () => error('JSONRPC_METHOD_NOT_FOUND', 'this module does not do that');

/** The identifiers of a transaction as one text. Those of a nexo register are strings; 17 and 17.0 are one number in JavaScript. */
export const keyOf = (params, kind = '') =>
  JSON.stringify(
    [params[`${kind}receipt_id`], params[`${kind}sequence_id`] ?? null].map((id) => id && String(id)),
  );

/** Calls `got` with each message of a socket. Not readline: it splits at U+2028, too. */
function readLines(socket, got) {
  let rest = '';
  socket.setEncoding('utf8').on('data', (text) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop();
    for (const line of lines) {
      try {
        got(JSON.parse(line));
      } catch (fault) {
        console.error(`a line is skipped: ${fault.message}`);
      }
    }
  });
}

/**
 * Answers requests on a UNIX socket: `answer(method, params)` gives `{result}`, `{error}`, or undefined for a method that the module
 * does not know. Returns a function that tells all connected registers something.
 */
export function serve(place, answer) {
  const registers = new Map();
  rmSync(place, { force: true });
  createServer((socket) => {
    const send = (message) =>
      socket.writable && socket.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
    socket
      .on('error', () => {})
      .on('close', () => {
        for (const [connection, to] of registers) if (to === send) registers.delete(connection);
      });
    readLines(socket, async ({ connection, id, method, params = {} }) => {
      if (method === '_Connected') registers.set(connection, send);
      else if (method === '_Disconnected') registers.delete(connection);
      else if (method !== undefined && !method.startsWith('_')) {
        const said = await answer(method, params);
        if (id !== undefined) send({ connection, id, ...(said ?? unknown()) });
      }
    });
  }).listen(place, () => console.log(`listening on ${place}`));
  return (method, params) => {
    for (const [connection, send] of registers) send({ connection, method, params });
  };
}

/** Asks another module. Rejects when its answer cannot be had: it may have obeyed all the same. */
export function ask(place, method, params) {
  return new Promise((resolve, reject) => {
    const socket = connect(place);
    const lost = () => reject(new Error(`no answer on ${place}`));
    socket.on('error', lost).on('close', lost);
    readLines(socket, ({ result, error: fault }) => {
      resolve(result === undefined ? { error: fault } : { result });
      socket.destroy();
    });
    socket.write(`${JSON.stringify({ jsonrpc: '2.0', id: 1, method, params })}\n`);
  });
}
