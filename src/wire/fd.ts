import { Socket } from 'node:net';
import { type Clock, systemClock } from '../base/clock.ts';
import { BridgeError, describeFault } from '../base/errors.ts';
import {
  accessOf,
  closeDescriptor,
  type DescriptorUse,
  isClosedWithSocket,
  isInherited,
  isListening,
  isSameObject,
  kindOf,
  notInheritedText,
} from './descriptor.ts';
import { fileInput, fileOutput } from './file-wire.ts';
import { joinWires } from './joined-wire.ts';
import type { LineSettings } from './line-settings.ts';
import { type OnLineError, unmarkedWire } from './line-wire.ts';
import { pipeInput, pipeOutput } from './pipe-wire.ts';
import { SocketReader, socketWire } from './socket-wire.ts';
import { RawLine, ttyWire } from './tty-wire.ts';
import type { Peer, Wire } from './wire.ts';

export { type Access, accessOf, isInherited, isNull, noteInherited, notInheritedText } from './descriptor.ts';

/** Descriptors to read from and to write to; may be one number. A missing one makes a wire of one direction. */
export interface DescriptorPair {
  readonly read?: number | undefined;
  readonly write?: number | undefined;
}

export interface FdWireOptions {
  /** Who is at the other end, when the environment knows better than the descriptor. */
  readonly peer?: Peer | undefined;
  readonly clock?: Clock;
  /** How the terminals among the descriptors are set; without it speed and format stay as they are found. */
  readonly tty?: LineSettings | undefined;
  /** With `tty`: bytes arrived with parity or framing errors; they are passed on as FF. */
  readonly onLineError?: OnLineError | undefined;
}

/**
 * A wire over inherited descriptors, whatever they are: sockets, pipes, terminals, files. They belong to the
 * wire from now on; after `closed` the numbers 0, 1 and 2 are open to /dev/null and others are free.
 *
 * A missing direction reports nothing: without input there is no `end`, and the wire closes in good order when
 * the other direction is over. A terminal is made raw at once and restored when the wire closes, or at exit.
 *
 * Throws FD_NOT_INHERITED, ENDPOINT_INVALID for what cannot be read, written or streamed, WIRE_OPEN_FAILED, USAGE for
 * settings that a terminal does not take.
 */
export function openFdWire(fds: DescriptorPair, options: FdWireOptions = {}): Wire {
  const { tty, onLineError } = options;
  const wire = openDescriptors(fds, options);
  const isMarked = tty !== undefined && fds.read !== undefined && kindOf(fds.read) === 'tty';
  return isMarked ? unmarkedWire(wire, onLineError) : wire;
}

function openDescriptors(fds: DescriptorPair, options: FdWireOptions): Wire {
  const { read, write } = fds;
  const { clock = systemClock, peer, tty } = options;
  if (read !== undefined) check(read, 'read');
  if (write !== undefined) check(write, 'write');
  const restore = makeRaw([read, write], tty);
  const open = (fd: number, direction: Direction, release: Release) =>
    openOne({ fd, peer, release }, direction, clock);

  if (read === undefined || write === undefined) {
    const fd = read ?? write;
    if (fd === undefined) throw new TypeError('a wire needs a descriptor');
    return open(fd, read === undefined ? 'write' : 'read', inTurn(closingOwn(fd), restore));
  }
  if (isOneStream(read, write)) {
    const other = read === write ? none : closing(write);
    return open(read, 'both', inTurn(closingOwn(read), other, restore));
  }
  const shared = read === write ? afterBoth(closing(read)) : undefined;
  const input = open(read, 'read', shared ?? closingOwn(read));
  const output = open(write, 'write', shared ?? closingOwn(write));
  return joinWires(input, output, restore);
}

type Direction = 'both' | 'read' | 'write';
type Release = DescriptorUse['release'];

function check(fd: number, direction: 'read' | 'write'): void {
  if (!isInherited(fd)) throw new BridgeError('FD_NOT_INHERITED', notInheritedText(fd));
  if (kindOf(fd) === 'socket') {
    if (isListening(fd)) throw new BridgeError('ENDPOINT_INVALID', listeningText(fd));
    return; // goes both ways
  }
  const access = accessOf(fd);
  if (access === 'both' || access === direction) return;
  const [can, cannot] = direction === 'read' ? ['writing', 'reading'] : ['reading', 'writing'];
  throw new BridgeError(
    'ENDPOINT_INVALID',
    `descriptor ${fd} is open for ${can}, it is needed for ${cannot}`,
  );
}

function listeningText(fd: number): string {
  const ways = `"posbridge serve --listen fd:${fd}" accepts connections on it, Accept=yes in the unit of the socket starts one posbridge for each`;
  return `descriptor ${fd} is a listening socket: ${ways}`;
}

/** Whether both directions are one thing that is opened once: a socket, or a terminal that can do both. */
function isOneStream(read: number, write: number): boolean {
  const kind = kindOf(read);
  if (kind !== kindOf(write) || !isSameObject(read, write)) return false;
  return kind === 'socket' || (kind === 'tty' && accessOf(read) === 'both');
}

function openOne(use: DescriptorUse, direction: Direction, clock: Clock): Wire {
  try {
    switch (kindOf(use.fd)) {
      case 'socket':
        return openSocket(use, direction);
      case 'tty':
        return ttyWire(use, direction);
      case 'pipe':
        return direction === 'write' ? pipeOutput(use, clock) : pipeInput(use);
      case 'file':
        return direction === 'write' ? fileOutput(use) : fileInput(use);
    }
  } catch (cause) {
    if (cause instanceof BridgeError) throw cause;
    if (cause instanceof Error && 'code' in cause && cause.code === 'ERR_INVALID_FD_TYPE') {
      const text = `descriptor ${use.fd} is a datagram socket: a stream is needed`;
      throw new BridgeError('ENDPOINT_INVALID', text, { cause });
    }
    const text = `cannot use descriptor ${use.fd}: ${describeFault(cause)}`;
    throw new BridgeError('WIRE_OPEN_FAILED', text, { cause });
  }
}

function openSocket(use: DescriptorUse, direction: Direction): Wire {
  const reader = new SocketReader();
  const socket = new Socket({
    fd: use.fd,
    allowHalfOpen: true,
    readable: direction !== 'write',
    writable: direction !== 'read',
    ...reader.options,
  });
  return socketWire(socket, { direction, peer: use.peer, reader, release: use.release });
}

/** Makes every terminal among the descriptors raw, each once; the answer restores them. */
function makeRaw(fds: readonly (number | undefined)[], settings: LineSettings | undefined): Release {
  const ttys: number[] = [];
  let restore = none;
  for (const fd of fds) {
    if (fd === undefined || kindOf(fd) !== 'tty' || ttys.some((tty) => isSameObject(tty, fd))) continue;
    ttys.push(fd);
    const line = new RawLine(fd, settings);
    restore = inTurn(restore, (done) => line.restore(done));
  }
  return restore;
}

const none: Release = (done) => done();

function closing(fd: number): Release {
  return (done) => {
    closeDescriptor(fd);
    done();
  };
}

/** For the descriptor that a wire is made on. */
function closingOwn(fd: number): Release {
  return kindOf(fd) === 'socket' && isClosedWithSocket(fd) ? none : closing(fd);
}

function inTurn(...releases: readonly Release[]): Release {
  return releases.reduceRight<Release>((rest, release) => (done) => release(() => rest(done)), none);
}

/** For two directions that share a descriptor: released with the second. */
function afterBoth(release: Release): Release {
  let users = 2;
  return (done) => {
    users -= 1;
    if (users === 0) release(done);
    else done();
  };
}
