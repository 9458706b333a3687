import { constants } from 'node:fs';
import { type FileHandle, link, lstat, open, rename, stat, unlink } from 'node:fs/promises';
import { connect, type Server } from 'node:net';
import path from 'node:path';
import { describeFault } from '../base/errors.ts';
import { loadFileLocks } from '../base/file-lock.ts';
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
  if (endpoint.abstract || (await inodeOfSocket(name, endpoint.text)) === undefined) {
    return bindName(server, name, endpoint);
  }
  const guard = await takeGuard(name, endpoint.text);
  try {
    await clearDeadSocket(name, endpoint.text);
    await bindName(server, name, endpoint);
  } finally {
    await guard.release();
  }
}

/**
 * Held while a dead socket is replaced, so that two starters do not take a fresh socket for the dead one: a lock on a
 * file beside it, which only who may make the socket can make. It is removed while it is held; who has opened the
 * removed one by then finds that out, and tries again.
 */
async function takeGuard(path: string, text: string): Promise<{ release(): Promise<void> }> {
  const name = `${path}.starting`;
  for (let attempt = 0; attempt < GUARD_ATTEMPTS; attempt += 1) {
    const file = await openGuard(name).catch((cause) => {
      throw listenFailed(text, `cannot make ${name} for the start: ${describeFault(cause)}`, cause);
    });
    const isHeld = loadFileLocks().tryLock(file.fd, 0, 'exclusive');
    const named = await lstat(name).catch(() => undefined);
    if (isHeld && named?.ino === (await file.stat()).ino) {
      return {
        async release() {
          await unlink(name).catch(() => {});
          await file.close();
        },
      };
    }
    await file.close();
    if (!isHeld) throw listenFailed(text, 'another program is just starting to listen there');
  }
  throw listenFailed(text, `other programs keep removing ${name}`);
}

function openGuard(name: string): Promise<FileHandle> {
  const { O_RDWR, O_CREAT, O_NOFOLLOW, O_NONBLOCK } = constants;
  return open(name, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o600);
}

const GUARD_ATTEMPTS = 10;

async function bindName(
  server: Server,
  name: string,
  endpoint: Extract<Endpoint, { kind: 'unix' }>,
): Promise<void> {
  const previous = endpoint.mode === undefined ? undefined : process.umask(0o777 & ~endpoint.mode);
  const bound = bind(server, { path: name }, endpoint.text);
  if (previous !== undefined) process.umask(previous);
  await bound.catch(async (fault: unknown) => {
    throw (await isFolderMissing(name, fault)) ? listenFailed(endpoint.text, NO_FOLDER, fault) : fault;
  });
}

/** libuv says EACCES for a folder that does not exist, as Windows does. */
async function isFolderMissing(name: string, fault: unknown): Promise<boolean> {
  const cause = fault instanceof Error ? (fault.cause as NodeJS.ErrnoException | undefined) : undefined;
  if (cause?.code !== 'EACCES' || name.startsWith('\0')) return false;
  const folder = await stat(path.dirname(name)).catch((reason: NodeJS.ErrnoException) => reason.code);
  return folder === 'ENOENT';
}

const NO_FOLDER = 'its folder does not exist (ENOENT): make it, or choose another path';

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
