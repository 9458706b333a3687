import { describe, expect, test } from 'vitest';
import {
  bytesPerSecond,
  describeFormat,
  parseLineSettings,
  sttyArguments,
} from '../../src/wire/line-settings.ts';

const PLAIN = { dataBits: 8, parity: 'none', stopBits: 1, rtscts: false, xon: false, xoff: false };

describe('line settings', () => {
  test.each([
    ['115200', { ...PLAIN, baudRate: 115_200 }],
    ['115200,8N1', { ...PLAIN, baudRate: 115_200 }],
    ['9600,7E1', { ...PLAIN, baudRate: 9600, dataBits: 7, parity: 'even' }],
    ['9600,7e1,RTSCTS', { ...PLAIN, baudRate: 9600, dataBits: 7, parity: 'even', rtscts: true }],
    ['1200,5O2', { ...PLAIN, baudRate: 1200, dataBits: 5, parity: 'odd', stopBits: 2 }],
    ['1200,6M1', { ...PLAIN, baudRate: 1200, dataBits: 6, parity: 'mark' }],
    ['1200,8S1', { ...PLAIN, baudRate: 1200, parity: 'space' }],
    ['19200,xonxoff', { ...PLAIN, baudRate: 19_200, xon: true, xoff: true }],
  ])('%s is read', (text, settings) => {
    expect(parseLineSettings(text)).toEqual(settings);
  });

  test.each([
    '',
    '8N1',
    '0',
    '-9600',
    '9600.5',
    '9600,',
    '9600,8N',
    '9600,9N1',
    '9600,8X1',
    '9600,8N3',
    '9600,8N1,',
    '9600,8N1,rts',
    '9600,rtscts,8N1',
    '9600,8N1,rtscts,xonxoff',
    ' 9600',
    '9600 ',
    '123456789',
    '9600\n',
  ])('%j is not', (text) => {
    expect(parseLineSettings(text)).toBeUndefined();
  });

  test('are what stty is told, each of them on or off', () => {
    expect(sttyArguments({})).toEqual([
      'cread',
      'clocal',
      'cs8',
      '-parenb',
      '-parodd',
      '-cmspar',
      '-cstopb',
      '-crtscts',
      '-ixon',
      '-ixoff',
      '-ixany',
    ]);
    expect(
      sttyArguments({
        dataBits: 5,
        parity: 'odd',
        stopBits: 1.5,
        rtscts: true,
        xon: true,
        xoff: true,
        xany: true,
        hupcl: false,
      }),
    ).toEqual([
      'cread',
      'clocal',
      'cs5',
      'parenb',
      'parodd',
      '-cmspar',
      'cstopb',
      'crtscts',
      'ixon',
      'ixoff',
      'ixany',
      '-hupcl',
    ]);
    expect(sttyArguments({ parity: 'even' })).toEqual(
      expect.arrayContaining(['parenb', '-parodd', '-cmspar']),
    );
    expect(sttyArguments({ parity: 'mark' })).toEqual(expect.arrayContaining(['parenb', 'parodd', 'cmspar']));
    expect(sttyArguments({ parity: 'space' })).toEqual(
      expect.arrayContaining(['parenb', '-parodd', 'cmspar']),
    );
  });

  test('say how much a line carries', () => {
    expect(bytesPerSecond({ baudRate: 115_200 })).toBe(11_520);
    expect(bytesPerSecond({ baudRate: 9600, dataBits: 7, parity: 'even', stopBits: 1 })).toBe(960);
    expect(bytesPerSecond({ baudRate: 9600, parity: 'even', stopBits: 2 })).toBe(800);
  });

  test('have a short name', () => {
    expect(describeFormat({})).toBe('8N1');
    expect(describeFormat({ dataBits: 7, parity: 'space', stopBits: 2 })).toBe('7S2');
  });
});
