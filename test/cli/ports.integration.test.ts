import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { fakeUdev, type UdevPort } from '../kit/udev.ts';
import { PROGRAM, run, stopAll } from './kit.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'posbridge-ports-'));
});

afterEach(async () => {
  await stopAll();
  rmSync(folder, { recursive: true, force: true });
});

const FTDI: UdevPort = {
  path: '/dev/ttyUSB0',
  vendorId: '0403',
  productId: '6001',
  serialNumber: 'A50285BI',
  manufacturer: 'FTDI\\x20Ltd',
};
const CH340: UdevPort = { path: '/dev/ttyUSB1', vendorId: '1A86', productId: '7523' };

function ports(there: readonly UdevPort[], ...args: string[]) {
  const PATH = `${fakeUdev(folder, there)}:${process.env['PATH']}`;
  return run(process.execPath, [PROGRAM, 'ports', ...args], { env: { PATH } });
}

const endpointsOf = async (there: readonly UdevPort[]) => {
  const { stdout } = await ports(there, '--json');
  return stdout.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line).endpoint]));
};

describe('posbridge ports', () => {
  test('lists ports for people, in order', async () => {
    const ended = await ports([{ path: '/dev/ttyS10' }, CH340, { path: '/dev/ttyS9' }, FTDI]);
    expect(ended).toMatchObject({ code: 0, stderr: '' });
    expect(ended.stdout).toBe(
      [
        'PATH          USB        SERIAL NUMBER  MAKER     ENDPOINT',
        '/dev/ttyS9                                        serial:/dev/ttyS9',
        '/dev/ttyS10                                       serial:/dev/ttyS10',
        '/dev/ttyUSB0  0403:6001  A50285BI       FTDI Ltd  serial:serial=A50285BI',
        '/dev/ttyUSB1  1a86:7523                           serial:usb=1a86:7523',
        '',
      ].join('\n'),
    );
  });

  test('lists ports for programs, an object a line', async () => {
    const { stdout, code } = await ports([FTDI, { path: '/dev/ttyS0' }], '--json');
    expect(code).toBe(0);
    expect(
      stdout
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toEqual([
      { path: '/dev/ttyS0', endpoint: 'serial:/dev/ttyS0' },
      {
        path: '/dev/ttyUSB0',
        vendorId: '0403',
        productId: '6001',
        serialNumber: 'A50285BI',
        manufacturer: 'FTDI Ltd',
        endpoint: 'serial:serial=A50285BI',
      },
    ]);
  });

  test('gives an endpoint that finds one port only', async () => {
    const second = { ...CH340, path: '/dev/ttyUSB2' };
    expect(await endpointsOf([CH340, second])).toEqual(['serial:/dev/ttyUSB1', 'serial:/dev/ttyUSB2']);
    const twin = { ...FTDI, path: '/dev/ttyUSB3', serialNumber: 'a50285bi' };
    expect(await endpointsOf([FTDI, twin])).toEqual(['serial:/dev/ttyUSB0', 'serial:/dev/ttyUSB3']);
    expect(await endpointsOf([{ ...FTDI, serialNumber: 'what?a=b' }])).toEqual(['serial:usb=0403:6001']);
  });

  test('prints nothing that a terminal acts on', async () => {
    const { stdout } = await ports([{ ...FTDI, manufacturer: 'a\\x1b[2Jb', serialNumber: 'c\\x1bd' }]);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    expect(stdout).not.toMatch(/[\u0000-\u0009\u001b]/);
  });

  test('says on standard error when there is none', async () => {
    for (const args of [[], ['--json']]) {
      expect(await ports([], ...args)).toMatchObject({
        code: 0,
        stdout: '',
        stderr: 'posbridge: there is no serial port\n',
      });
    }
  });

  test('says what is missing where there is no udev', async () => {
    const ended = await run(process.execPath, [PROGRAM, 'ports'], { env: { PATH: folder } });
    expect(ended).toMatchObject({
      code: 111,
      stdout: '',
      stderr:
        'posbridge: cannot list serial ports: there is no udevadm in PATH; install udev, or name ports by path\n',
    });
  });

  test('is content when nobody reads to the end', async () => {
    const PATH = `${fakeUdev(folder, [FTDI])}:${process.env['PATH']}`;
    const script = `{ '${process.execPath}' '${PROGRAM}' ports; echo "status $?" >&2; } | true`;
    const { stderr } = await run('sh', ['-c', script], { env: { PATH } });
    expect(stderr).toBe('status 0\n');
  });

  test('takes no operands', async () => {
    expect((await run(process.execPath, [PROGRAM, 'ports', 'all'])).code).toBe(100);
  });
});
