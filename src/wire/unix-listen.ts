import { createHash } from 'node:crypto';
import { link, lstat, realpath, rename, unlink } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { basename, dirname, join } from 'node:path';
import { describeFault } from '../base/errors.ts';
import type { Endpoint } from '../endpoint/endpoint.ts';
import { bind, listenFailed } from './listener.ts';
import { unixName } from './unix-name.ts';

/**
 * Binds a server to a UNIX endpoint. A socket file that nobody listens on any more is replaced; anything else
 * in the way is refused. The file is born with its mode, so nobody slips in before a chmod. Node removes the
 * file when the server is closed.
 */
export async function bindUnix(server: Server, endpoint: Extract<Endpoint, { kind: 'unix' }>): Promise<void> {
  const name = unixName(endpoint);
  if (endpoint.abstract) return bindName(server, name, endpoint);
  const guard = await guardOf(name, endpoint.text);
  try {
    await clearDeadSocket(name, endpoint.text);
    await bindName(server, name, endpoint);
  } finally {
    guard.close();
  }
}

/**
 * Held while a path is cleared and bound, so that two starters do not take a fresh socket for the dead one: an abstract
 * name, which the kernel frees when its owner dies.
 */
async function guardOf(path: string, text: string): Promise<Server> {
  const folder = await realpath(dirname(path)).catch(() => dirname(path));
  const hash = createHash('sha256')
    .update(join(folder, basename(path)))
    .digest('hex');
  const guard = createServer((socket) => socket.destroy());
  await bind(guard, { path: `\0posbridge-listen-${hash}` }, text);
  return guard;
}

async function bindName(
  server: Server,
  name: string,
  endpoint: Extract<Endpoint, { kind: 'unix' }>,
): Promise<void> {
  const previous = endpoint.mode === undefined ? undefined : process.umask(0o777 & ~endpoint.mode);
  const bound = bind(server, { path: name }, endpoint.text);
  if (previous !== undefined) process.umask(previous);
  await bound;
}

async function clearDeadSocket(path: string, text: string): Promise<void> {
  const inode = await inodeOfSocket(path, text);
  if (inode === undefined) return;
  const fault = await faultOfConnecting(path);
  if (fault === undefined || fault.code === 'EAGAIN')
    throw listenFailed(text, 'another program listens there');
  if (fault.code === 'ENOENT') return;
  if (fault.code !== 'ECONNREFUSED') throw listenFailed(text, describeFault(fault), fault);
  try {
    await removeDead(path, inode);
  } catch (cause) {
    throw listenFailed(text, `cannot remove the dead socket: ${describeFault(cause)}`, cause);
  }
}

async function inodeOfSocket(path: string, text: string): Promise<number | undefined> {
  try {
    const found = await lstat(path);
    if (found.isSocket()) return found.ino;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw listenFailed(text, describeFault(cause), cause);
  }
  throw listenFailed(text, 'what is there is no socket: remove it, or choose another path');
}

function faultOfConnecting(path: string): Promise<NodeJS.ErrnoException | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ path });
    socket.on('error', resolve);
    socket.once('connect', () => {
      socket.destroy();
      resolve(undefined);
    });
  });
}

/**
 * Removes a socket file that was found dead. Two programs may have found it, and the faster one may listen
 * already: so the file is moved away first, and if it turns out to be another one by now, it goes back.
 */
export async function removeDead(path: string, inode: number): Promise<void> {
  const aside = `${path}.${process.pid}.dead`;
  await rename(path, aside);
  if ((await lstat(aside)).ino !== inode) await link(aside, path);
  await unlink(aside);
}
