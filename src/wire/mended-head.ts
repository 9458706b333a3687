import type { Server, Socket } from 'node:net';

/**
 * Makes a server of HTTP take header lines with white space before their colon, which the parser of Node.js refuses
 * however it is told to be lenient: the first head of a connection is mended before the parser sees it. Call it before
 * the server listens.
 *
 * @param event with which a connection comes to the parser
 */
export function mendHeads(server: Server, event: 'connection' | 'secureConnection', maxBytes: number): void {
  const [parse] = server.listeners(event);
  if (parse === undefined) throw new TypeError('this is no server of HTTP');
  server.removeListener(event, parse as never);
  server.prependListener(event, (socket: Socket) => {
    mendHead(socket, maxBytes, () => parse.call(server, socket));
  });
}

/** What is too long is left as it is: the parser knows what to say. */
function mendHead(socket: Socket, maxBytes: number, ready: () => void): void {
  const parts: Buffer[] = [];
  let length = 0;
  /** The last three bytes, where the end of the head may have begun. */
  let tail = '';
  const read = (bytes: Buffer) => {
    parts.push(bytes);
    length += bytes.length;
    const text = tail + bytes.toString('latin1');
    tail = text.slice(-3);
    if (text.includes(END_OF_HEAD) || length > maxBytes) done(mended(Buffer.concat(parts, length)));
  };
  const ended = () => socket.destroy();
  const done = (bytes: Buffer) => {
    socket.pause();
    socket.removeListener('data', read);
    socket.removeListener('end', ended);
    socket.removeListener('error', ignore);
    if (socket.destroyed) return;
    socket.unshift(bytes);
    ready();
    socket.resume();
  };
  socket.on('data', read).once('end', ended).on('error', ignore);
}

const ignore = () => {};
const END_OF_HEAD = '\r\n\r\n';

function mended(bytes: Buffer): Buffer {
  const end = bytes.indexOf(END_OF_HEAD);
  if (end === -1) return bytes;
  const [request = '', ...lines] = bytes.toString('latin1', 0, end).split('\r\n');
  const head = [request, ...lines.map((line) => line.replace(/^([!#$%&'*+.^`|~\w-]+)[ \t]+:/, '$1:'))];
  return Buffer.concat([Buffer.from(head.join('\r\n'), 'latin1'), bytes.subarray(end)]);
}
