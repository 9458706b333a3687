import { symlinkSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { parseEndpoint } from '../../src/endpoint/parse.ts';
import { openSerial } from '../../src/wire/serial.ts';
import { findSerialPort, listSerialPorts } from '../../src/wire/serial-ports.ts';
import { fakeUdev, plugIn, type UdevPort } from '../kit/udev.ts';
import { temporaryFolder } from './bundle.ts';
import { Recorder } from './recorder.ts';
import { nullModem, serialEndpoint } from './serial-kit.ts';

const path = process.env['PATH'];
let folder = '';

beforeEach(() => {
  folder = temporaryFolder();
});

afterEach(() => {
  process.env['PATH'] = path;
});

function udev(...ports: UdevPort[]): void {
  process.env['PATH'] = `${fakeUdev(folder, ports)}:${path}`;
}

const FTDI: UdevPort = {
  path: '/dev/ttyUSB0',
  vendorId: '0403',
  productId: '6A01',
  serialNumber: 'A50285BI',
};
const usb = (vendorId: string, productId: string) => ({ kind: 'usb', vendorId, productId }) as const;
const numbered = (serialNumber: string) => ({ kind: 'serialNumber', serialNumber }) as const;
const complaint = (device: Parameters<typeof findSerialPort>[0]) =>
  findSerialPort(device).catch((fault) => `${fault.code} ${fault.text}`);

test('finds a device by vendor and product or by serial number, in either case', async () => {
  udev({ path: '/dev/ttyS0' }, FTDI, { ...FTDI, path: '/dev/ttyACM3', productId: '6002', serialNumber: 'x' });
  expect(await findSerialPort(usb('0403', '6a01'))).toBe('/dev/ttyUSB0');
  expect(await findSerialPort(numbered('a50285bi'))).toBe('/dev/ttyUSB0');
});

test('says what is there when the device is not', async () => {
  udev({ path: '/dev/ttyS0' }, FTDI);
  expect(await complaint(usb('ffff', '0001'))).toBe(
    'WIRE_OPEN_FAILED no USB device ffff:0001 is plugged in; there is /dev/ttyS0, /dev/ttyUSB0 (usb=0403:6a01, serial=A50285BI)',
  );
  plugIn(folder, []);
  expect(await complaint(numbered('A5'))).toBe(
    'WIRE_OPEN_FAILED no device with serial number A5 is plugged in; there is no serial port',
  );
  plugIn(
    folder,
    Array.from({ length: 20 }, (_, n) => ({ path: `/dev/ttyS${n}` })),
  );
  expect(await complaint(numbered('A5'))).toMatch(/there is \/dev\/ttyS0, .*\/dev\/ttyS7 and 12 more$/);
});

test('does not choose among several', async () => {
  udev(FTDI, { ...FTDI, path: '/dev/ttyUSB1', serialNumber: 'A50285BJ' });
  expect(await complaint(usb('0403', '6a01'))).toBe(
    'WIRE_OPEN_FAILED more than one USB device 0403:6a01 is plugged in: /dev/ttyUSB0 (usb=0403:6a01, serial=A50285BI), ' +
      '/dev/ttyUSB1 (usb=0403:6a01, serial=A50285BJ); name one by serial:serial=NUMBER or by its path',
  );
});

test('leaves out what is no serial port', async () => {
  udev({ path: '/dev/sda' }, { path: '/dev/rfcomm0' }, { path: '/dev/tty1' });
  expect((await listSerialPorts()).map((port) => port.path)).toEqual(['/dev/rfcomm0']);
});

test('says what is missing without udev', async () => {
  process.env['PATH'] = folder;
  await expect(listSerialPorts()).rejects.toMatchObject({
    code: 'WIRE_OPEN_FAILED',
    text: 'cannot list serial ports: there is no udevadm in PATH; install udev, or name ports by path',
  });
});

test('opens a device under the name that it has each time', async () => {
  const { ours, theirs } = await nullModem();
  const far = new Recorder(await openSerial(serialEndpoint(theirs))).start();
  const endpoint = parseEndpoint('serial:usb=0403:6A01?baudRate=9600', 'wire');
  if (endpoint.kind !== 'serial') throw new TypeError(endpoint.kind);
  udev();
  for (const name of ['ttyUSB7', 'ttyUSB8']) {
    await expect(openSerial(endpoint)).rejects.toMatchObject({ code: 'WIRE_OPEN_FAILED' });
    const link = join(folder, name);
    symlinkSync(ours, link);
    plugIn(folder, [{ ...FTDI, path: link }]);
    const near = new Recorder(await openSerial(endpoint)).start();
    await near.write(name);
    await far.received(7);
    expect(far.text).toBe(name);
    far.chunks = [];
    far.bytes = 0;
    near.destroy();
    await near.closed;
    unlinkSync(link);
    plugIn(folder, []);
  }
});
