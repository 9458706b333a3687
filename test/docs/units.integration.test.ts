import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { ROOT } from '../cli/kit.ts';

/** The units of systemd in examples/, judged by systemd itself, which need not run here. */

const FOLDER = path.join(ROOT, 'examples/systemd');
/** As `systemd-analyze security` counts: tenths from 0, nothing open, to 100. Networks and devices are what is left. */
const LIMIT = 25;
const WANTED = [
  'LimitCORE=0',
  'NoNewPrivileges=yes',
  'ProtectSystem=strict',
  'ProtectHome=yes',
  'PrivateTmp=yes',
  'DynamicUser=yes',
  'StateDirectory=posbridge',
  'CapabilityBoundingSet=',
];

describe.each(['posbridge@.service', 'posbridge-serve.service', 'posbridge-serial.service'])('%s', (unit) => {
  const text = readFileSync(path.join(FOLDER, unit), 'utf8');

  test('leaves little open, as systemd counts', () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'posbridge-unit-'));
    try {
      const file = path.join(folder, unit);
      copyFileSync(path.join(FOLDER, unit), file);
      // It fails over the threshold, and for words that it does not know.
      execFileSync(
        'systemd-analyze',
        ['security', '--offline=true', '--no-pager', `--threshold=${LIMIT}`, file],
        {
          stdio: 'pipe',
        },
      );
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('has what card data and money ask for', () => {
    for (const line of WANTED) expect(text.split('\n')).toContain(line);
    expect(text).toMatch(/^RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6/m);
    expect(text).toMatch(/^Environment=POSBRIDGE_JOURNAL=\/var\/lib\/posbridge$/m);
  });

  test('tells what it does where posbridge status looks, and the next process finds the folder', () => {
    for (const line of [
      'RuntimeDirectory=posbridge',
      'RuntimeDirectoryPreserve=yes',
      'Environment=POSBRIDGE_STATUS_DIR=/run/posbridge',
    ]) {
      expect(text.split('\n')).toContain(line);
    }
  });
});

test('the unit of a line reaches serial ports, and no other device', () => {
  const text = readFileSync(path.join(FOLDER, 'posbridge-serial.service'), 'utf8');
  expect(text).toMatch(/^SupplementaryGroups=dialout$/m);
  expect(text).toMatch(/^DevicePolicy=closed$/m);
  const devices = [...text.matchAll(/^DeviceAllow=(.*)$/gm)].map(([, device]) => device);
  expect(devices).toEqual(['char-ttyS rw', 'char-ttyUSB rw', 'char-ttyACM rw', 'char-rfcomm rw']);
});

test('the services of s6 have no core dumps either', () => {
  for (const service of ['posbridge', 'posbridge-serial']) {
    expect(readFileSync(path.join(ROOT, 'examples/s6', service, 'run'), 'utf8')).toMatch(/^ulimit -c 0$/m);
  }
});
