import { BridgeError, describeFault } from '../base/errors.ts';
import type { SerialDevice } from '../endpoint/endpoint.ts';

/** A serial port of this machine; what is unknown is undefined. */
export interface SerialPortInfo {
  readonly path: string;
  /** Four hexadecimal digits each, lower case. */
  readonly vendorId: string | undefined;
  readonly productId: string | undefined;
  readonly serialNumber: string | undefined;
  readonly manufacturer: string | undefined;
}

/** The serial ports that udev knows, by path. Rejects with WIRE_OPEN_FAILED where it cannot be asked. */
export async function listSerialPorts(): Promise<SerialPortInfo[]> {
  const { SerialPort } = await import('serialport');
  const ports = await SerialPort.list().catch((cause: unknown) => {
    const isMissing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
    const why = isMissing ? 'there is no udevadm in PATH; install udev' : describeFault(cause);
    throw new BridgeError('WIRE_OPEN_FAILED', `cannot list serial ports: ${why}, or name ports by path`, {
      cause,
    });
  });
  return ports
    .filter(({ path }) => path !== '')
    .map(({ path, vendorId, productId, serialNumber, manufacturer }) => ({
      path,
      vendorId: vendorId?.toLowerCase(),
      productId: productId?.toLowerCase(),
      serialNumber,
      manufacturer,
    }))
    .sort((one, other) => one.path.localeCompare(other.path, 'en', { numeric: true }));
}

/** Where a device is plugged in now. Rejects with WIRE_OPEN_FAILED unless there is exactly one. */
export async function findSerialPort(device: Exclude<SerialDevice, { kind: 'path' }>): Promise<string> {
  const ports = await listSerialPorts();
  const [found, ...others] = ports.filter((port) => isDevice(port, device));
  const wanted =
    device.kind === 'usb'
      ? `USB device ${device.vendorId}:${device.productId}`
      : `device with serial number ${device.serialNumber}`;
  if (found === undefined) {
    throw new BridgeError(
      'WIRE_OPEN_FAILED',
      `no ${wanted} is plugged in; there is ${ports.length === 0 ? 'no serial port' : namesOf(ports)}`,
    );
  }
  if (others.length > 0) {
    throw new BridgeError(
      'WIRE_OPEN_FAILED',
      `more than one ${wanted} is plugged in: ${namesOf([found, ...others])}; name one by serial:serial=NUMBER or by its path`,
    );
  }
  return found.path;
}

function isDevice(port: SerialPortInfo, device: Exclude<SerialDevice, { kind: 'path' }>): boolean {
  if (device.kind === 'usb') return port.vendorId === device.vendorId && port.productId === device.productId;
  return port.serialNumber?.toLowerCase() === device.serialNumber.toLowerCase();
}

const MAX_NAMED = 8;

function namesOf(ports: readonly SerialPortInfo[]): string {
  const names = ports.slice(0, MAX_NAMED).map(({ path, vendorId, productId, serialNumber }) => {
    const about = [
      ...(vendorId !== undefined && productId !== undefined ? [`usb=${vendorId}:${productId}`] : []),
      ...(serialNumber !== undefined ? [`serial=${serialNumber}`] : []),
    ];
    return about.length === 0 ? path : `${path} (${about.join(', ')})`;
  });
  return ports.length > MAX_NAMED
    ? `${names.join(', ')} and ${ports.length - MAX_NAMED} more`
    : names.join(', ');
}
