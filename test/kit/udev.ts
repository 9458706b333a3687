import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** A serial port as udev tells of it. */
export interface UdevPort {
  readonly path: string;
  readonly vendorId?: string;
  readonly productId?: string;
  readonly serialNumber?: string;
  readonly manufacturer?: string;
}

/**
 * A folder for the front of PATH whose `udevadm` tells of these ports, as they are written at the moment it is asked.
 * Ports need names such as `ttyUSB0` to be taken for serial ones.
 */
export function fakeUdev(folder: string, ports: readonly UdevPort[]): string {
  const bin = path.join(folder, 'bin');
  mkdirSync(bin, { recursive: true });
  plugIn(folder, ports);
  const program = path.join(bin, 'udevadm');
  writeFileSync(
    program,
    `#!/bin/sh\n[ "$*" = "info -e" ] && exec cat '${path.join(folder, 'database')}'\nexit 2\n`,
  );
  chmodSync(program, 0o755);
  return bin;
}

/** Changes what the `udevadm` of that folder tells of. */
export function plugIn(folder: string, ports: readonly UdevPort[]): void {
  const records = ports.map(({ path: device, vendorId, productId, serialNumber, manufacturer }) =>
    [
      `P: /devices/pci0000:00/usb1/1-1/${path.basename(device)}`,
      `N: ${path.basename(device)}`,
      ...Object.entries({
        DEVNAME: device,
        SUBSYSTEM: 'tty',
        ID_VENDOR_ID: vendorId,
        ID_MODEL_ID: productId,
        ID_SERIAL_SHORT: serialNumber,
        ID_VENDOR_ENC: manufacturer,
      }).flatMap(([name, value]) => (value === undefined ? [] : [`E: ${name}=${value}`])),
      '',
    ].join('\n'),
  );
  writeFileSync(path.join(folder, 'database'), `${records.join('\n')}\n`);
}
