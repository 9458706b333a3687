import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BridgeError } from '../../src/base/errors.ts';
import type { EndpointUse } from '../../src/endpoint/endpoint.ts';
import { parseEndpoint } from '../../src/endpoint/parse.ts';

const USES = ['wire', 'channel', 'listen'] as const;

/** The complaint about a text, or nothing. */
function complaintOf(text: string, use: EndpointUse): string {
  try {
    parseEndpoint(text, use);
    return '';
  } catch (fault) {
    if (fault instanceof BridgeError && fault.code === 'ENDPOINT_INVALID') return fault.text;
    throw fault;
  }
}

const socketPath = (bytes: number) => `/run/${'x'.repeat(bytes - 5)}`;

const ACCEPTED: readonly [text: string, uses: string, parts: object][] = [
  ['fd:0', 'wire channel listen', { kind: 'fd', read: 0, write: 0 }],
  ['fd:3', 'wire channel listen', { kind: 'fd', read: 3, write: 3 }],
  ['fd:6,7', 'wire channel', { kind: 'fd', read: 6, write: 7 }],
  ['fd:65535,65535', 'wire channel listen', { kind: 'fd', read: 65_535, write: 65_535 }],
  ['fifo:/run/pos/ui', 'channel', { kind: 'fifo', path: '/run/pos/ui' }],
  ['fifo:ui?x=1', 'channel', { kind: 'fifo', path: 'ui?x=1' }],
  [
    'fifo:/run/{connection}.{pid}/device',
    'channel',
    { kind: 'fifo', path: '/run/{connection}.{pid}/device' },
  ],
  ['nats://h/shop1', 'channel', { kind: 'nats', servers: ['h:4222'], prefix: 'shop1' }],
  [
    'nats://10.0.0.1:4223,h,[::1]:5/a.b-c_{connection}',
    'channel',
    { kind: 'nats', servers: ['10.0.0.1:4223', 'h:4222', '[::1]:5'], prefix: 'a.b-c_{connection}' },
  ],
  ['unix:/run/pay.sock', 'wire channel listen', { kind: 'unix', path: '/run/pay.sock', abstract: false }],
  ['unix:pay.sock', 'wire channel listen', { kind: 'unix', path: 'pay.sock', abstract: false }],
  ['unix:@pay', 'wire channel listen', { kind: 'unix', path: 'pay', abstract: true }],
  ['unix:@a/b/', 'wire channel listen', { kind: 'unix', path: 'a/b/', abstract: true }],
  ['unix:/run/a?mode=0660', 'listen', { kind: 'unix', path: '/run/a', abstract: false, mode: 0o660 }],
  ['unix:/run/a?mode=600', 'listen', { kind: 'unix', path: '/run/a', abstract: false, mode: 0o600 }],
  ['unix:/run/{pid}', 'wire channel listen', { kind: 'unix', path: '/run/{pid}', abstract: false }],
  [
    'unix:/run/{identity}/{peer}',
    'wire channel',
    { kind: 'unix', path: '/run/{identity}/{peer}', abstract: false },
  ],
  [
    `unix:${socketPath(107)}`,
    'wire channel listen',
    { kind: 'unix', path: socketPath(107), abstract: false },
  ],
  [`unix:@${'ä'.repeat(53)}`, 'wire channel listen', { kind: 'unix', path: 'ä'.repeat(53), abstract: true }],
  [
    `unix:{pid}${'x'.repeat(120)}`,
    'wire channel listen',
    { kind: 'unix', path: `{pid}${'x'.repeat(120)}`, abstract: false },
  ],
  [
    'https://10.0.0.6:8443/nexo',
    'listen',
    { kind: 'http', host: '10.0.0.6', port: 8443, path: '/nexo', secure: true },
  ],
  ['http://[::1]', 'listen', { kind: 'http', host: '::1', port: 80, path: '/', secure: false }],
  ['tcp:localhost:10001', 'wire channel listen', { kind: 'tcp', host: 'localhost', port: 10_001 }],
  ['tcp:127.0.0.1:1', 'wire channel listen', { kind: 'tcp', host: '127.0.0.1', port: 1 }],
  ['tcp:[::1]:65535', 'wire channel listen', { kind: 'tcp', host: '::1', port: 65_535 }],
  ['tcp:[fe80::1%eth0]:80', 'wire channel listen', { kind: 'tcp', host: 'fe80::1%eth0', port: 80 }],
  [
    'tcp:till-3.pos_net.example.:80',
    'wire channel listen',
    { kind: 'tcp', host: 'till-3.pos_net.example.', port: 80 },
  ],
  ['tcp:0.0.0.0:0', 'listen', { kind: 'tcp', host: '0.0.0.0', port: 0 }],
  ['tcp:{peer}:10001', 'wire channel', { kind: 'tcp', host: '{peer}', port: 10_001 }],
  ['tcp:{identity}.example:80', 'wire channel', { kind: 'tcp', host: '{identity}.example', port: 80 }],
  [
    'ws://127.0.0.1:8080/pos',
    'wire listen',
    { kind: 'ws', host: '127.0.0.1', port: 8080, path: '/pos', secure: false },
  ],
  ['ws://[::1]:8080', 'wire listen', { kind: 'ws', host: '::1', port: 8080, path: '/', secure: false }],
  ['ws://h', 'wire listen', { kind: 'ws', host: 'h', port: 80, path: '/', secure: false }],
  ['wss://h/a@b?c=%20', 'wire', { kind: 'ws', host: 'h', port: 443, path: '/a@b?c=%20', secure: true }],
  ['ws://h:1?x', 'wire', { kind: 'ws', host: 'h', port: 1, path: '/?x', secure: false }],
  [
    'wss://h:1/ocpp/{identity}',
    'wire',
    { kind: 'ws', host: 'h', port: 1, path: '/ocpp/{identity}', secure: true },
  ],
  [
    'serial:/dev/ttyS0',
    'wire',
    { kind: 'serial', device: { kind: 'path', path: '/dev/ttyS0' }, options: {} },
  ],
  [
    'serial:/dev/serial/by-id/usb-FTDI?baudRate=250000&dataBits=7&parity=even&stopBits=2&rtscts=true&xon=false&xoff=true&xany=false&hupcl=false',
    'wire',
    {
      kind: 'serial',
      device: { kind: 'path', path: '/dev/serial/by-id/usb-FTDI' },
      options: {
        baudRate: 250_000,
        dataBits: 7,
        parity: 'even',
        stopBits: 2,
        rtscts: true,
        xon: false,
        xoff: true,
        xany: false,
        hupcl: false,
      },
    },
  ],
  [
    'serial:/dev/ttyS0?dataBits=5&stopBits=1.5',
    'wire',
    {
      kind: 'serial',
      device: { kind: 'path', path: '/dev/ttyS0' },
      options: { dataBits: 5, stopBits: 1.5 },
    },
  ],
  [
    'serial:usb=0403:6A1f?baudRate=9600',
    'wire',
    {
      kind: 'serial',
      device: { kind: 'usb', vendorId: '0403', productId: '6a1f' },
      options: { baudRate: 9600 },
    },
  ],
  [
    'serial:serial=A50285BI',
    'wire',
    { kind: 'serial', device: { kind: 'serialNumber', serialNumber: 'A50285BI' }, options: {} },
  ],
  ['simulator:', 'channel', { kind: 'simulator', options: {} }],
  ['simulator:?delay=300', 'channel', { kind: 'simulator', options: { delay: '300' } }],
  [
    'simulator:?state=/var/lib/pos terminal=1&delay=0',
    'channel',
    { kind: 'simulator', options: { state: '/var/lib/pos terminal=1', delay: '0' } },
  ],
  ['null:', 'channel', { kind: 'null' }],
];

const REJECTED: readonly [text: string, why: string | RegExp][] = [
  ['', 'nothing is given'],
  ['pay.sock', 'no such kind'],
  ['/run/pay.sock', 'no such kind'],
  ['localhost:10001', 'no such kind'],
  ['UNIX:/run/pay.sock', 'no such kind'],
  [' unix:/run/pay.sock', 'no such kind'],
  ['nats:h', 'two slashes, the servers, a slash and a prefix'],
  ['nats://h', 'two slashes, the servers, a slash and a prefix'],
  ['nats://u:p@h/x', 'comes from a file'],
  ['nats://h,/x', 'the host is missing'],
  ['nats://h:0x/x', 'no HOST:PORT'],
  ['nats://h/', 'the prefix is'],
  ['nats://h/a b', 'the prefix is'],
  ['nats://h/a..b', 'the prefix is'],
  ['nats://h/a/b', 'the prefix is'],
  ['nats://h/a*', 'the prefix is'],
  ['constructor:x', 'no such kind'],
  [':', 'no such kind'],
  ['fd:', 'descriptors are numbers'],
  ['fd:-1', 'descriptors are numbers'],
  ['fd:+1', 'descriptors are numbers'],
  ['fd:03', 'descriptors are numbers'],
  ['fd:3,', 'descriptors are numbers'],
  ['fd:3,4,5', 'descriptors are numbers'],
  ['fd: 3', 'descriptors are numbers'],
  ['fd:65536', 'descriptors are numbers'],
  ['fd:1e3', 'descriptors are numbers'],
  ['fd:{pid}', 'descriptors are numbers'],
  ['fifo:', 'path of the named pipe is missing'],
  ['fifo:/run/', 'path of the named pipe is missing'],
  [`fifo:/${'x'.repeat(256)}`, 'a file name is longer than 255 bytes'],
  ['unix:', 'the path is missing'],
  ['unix:@', 'the path is missing'],
  ['unix:/run/', 'the path is missing'],
  ['unix:?mode=0660', 'the path is missing'],
  ['unix:/run/a?mode=0990', 'three octal digits'],
  ['unix:/run/a?mode=', 'three octal digits'],
  ['unix:/run/a?mode=66', 'three octal digits'],
  ['unix:/run/a?mode=4755', 'three octal digits'],
  ['unix:/run/a?mode=0660&x=1', 'three octal digits'],
  ['unix:/run/a?owner=me', 'three octal digits'],
  ['unix:/run/a?', 'three octal digits'],
  ['unix:@a?mode=0660', 'no file'],
  [`unix:${socketPath(108)}`, '108 bytes are too long, 107'],
  [`unix:/${'ä'.repeat(54)}`, '109 bytes are too long, 107'],
  [`unix:@${'x'.repeat(108)}`, '108 bytes are too long, 107'],
  ['unix:/run/a\nb', 'control character'],
  ['unix:/run/a\0b', 'control character'],
  ['unix:/run/\ud800', 'control character'],
  ['unix:/run/{what}', 'nothing is known as "{what}"'],
  ['unix:/run/{}', 'nothing is known as "{}"'],
  ['unix:/run/{ pid }', 'nothing is known as'],
  ['unix:/run/{pid', 'a brace without its partner'],
  ['unix:/run/pid}', 'a brace without its partner'],
  ['unix:/run/{{pid}}', 'a brace without its partner'],
  [`unix:/${'x'.repeat(5000)}`, 'longer than 4096'],
  ['tcp:', 'the host is missing'],
  ['tcp:localhost', 'the port is missing'],
  ['tcp:localhost:', 'the port is missing'],
  ['tcp::10001', /host is missing|no HOST:PORT/],
  ['tcp:[]:10001', 'the host is missing'],
  ['tcp:localhost:x', 'no HOST:PORT'],
  ['tcp:localhost:65536', 'from 1 to 65535'],
  ['tcp:localhost:080', 'from 1 to 65535'],
  ['tcp:localhost:-1', 'no HOST:PORT'],
  ['tcp:localhost:1 ', 'no HOST:PORT'],
  ['tcp:{pid}:{pid}', 'no HOST:PORT'],
  ['tcp:::1:10001', 'stands in brackets'],
  ['tcp:fe80::1', 'stands in brackets'],
  ['tcp:[127.0.0.1]:1', 'no host name or address'],
  ['tcp:[{peer}]:1', 'no host name or address'],
  ['tcp:256.0.0.1:1', 'no host name or address'],
  ['tcp:1.2.3:1', 'no host name or address'],
  ['tcp:a..b:1', 'no host name or address'],
  ['tcp:-a:1', 'no host name or address'],
  ['tcp:a b:1', 'no host name or address'],
  ['tcp:*:1', 'no host name or address'],
  ['tcp://h:1', 'no host name or address'],
  ['tcp:bücher.example:1', 'no host name or address'],
  [`tcp:${'a'.repeat(64)}:1`, 'no host name or address'],
  [`tcp:${'a.'.repeat(127)}a:1`, 'no host name or address'],
  ['ws:', 'two slashes'],
  ['ws:h:1', 'two slashes'],
  ['ws://', 'the host is missing'],
  ['ws:///x', 'the host is missing'],
  ['ws://h:', 'the port is missing'],
  ['ws://h:99999/', 'from 1 to 65535'],
  ['ws://::1/', 'stands in brackets'],
  ['ws://h/#x', 'no # part'],
  ['ws://h/ä', 'ASCII'],
  ['ws://h/a b', 'ASCII'],
  ['ws://me:hush@h/', 'passwords come from a file or the environment'],
  ['wss://me@h/', 'passwords come from a file or the environment'],
  ['ws://0x7f.1/', 'no host name or address'],
  ['ws://[fe80::1%eth0]/', 'no valid URL'],
  ['serial:', 'an absolute path, usb=VID:PID or serial=NUMBER'],
  ['serial:ttyS0', 'an absolute path'],
  ['serial:/dev/', 'an absolute path'],
  ['serial:?baudRate=9600', 'an absolute path'],
  ['serial:usb=403:6001', 'four hexadecimal digits each'],
  ['serial:usb=0403:600g', 'four hexadecimal digits each'],
  ['serial:usb=0403', 'four hexadecimal digits each'],
  ['serial:serial=', 'the serial number is missing'],
  ['serial:/dev/ttyS0?', 'an option is missing'],
  ['serial:/dev/ttyS0?baudRate=9600&', 'an option is missing'],
  ['serial:/dev/ttyS0?baud=9600', 'there is no option baud, only baudRate, dataBits'],
  ['serial:/dev/ttyS0?constructor=1', 'there is no option constructor'],
  ['serial:/dev/ttyS0?BAUDRATE=9600', 'there is no option BAUDRATE'],
  ['serial:/dev/ttyS0?baudRate=9600&baudRate=9600', 'baudRate is given twice'],
  ['serial:/dev/ttyS0?baudRate', 'baudRate is a number of bits a second'],
  ['serial:/dev/ttyS0?baudRate=0', 'baudRate is a number'],
  ['serial:/dev/ttyS0?baudRate=9600.5', 'baudRate is a number'],
  ['serial:/dev/ttyS0?baudRate=-9600', 'baudRate is a number'],
  ['serial:/dev/ttyS0?baudRate=123456789', 'baudRate is a number'],
  ['serial:/dev/ttyS0?dataBits=9', 'dataBits is 5, 6, 7 or 8'],
  ['serial:/dev/ttyS0?parity=E', 'parity is none, even, odd, mark or space'],
  ['serial:/dev/ttyS0?stopBits=3', 'stopBits is 1, 1.5 or 2'],
  ['serial:/dev/ttyS0?stopBits=1.5', 'goes with dataBits=5 only'],
  ['serial:/dev/ttyS0?rtscts=1', 'rtscts is true or false'],
  ['serial:/dev/ttyS0?rtscts=', 'rtscts is true or false'],
  ['serial:/dev/ttyS0?hupcl=yes', 'hupcl is true or false'],
  [`serial:/dev/${'x'.repeat(256)}`, 'a file name is longer than 255 bytes'],
  ['simulator:x', 'only ?delay='],
  ['simulator:?', 'only ?delay='],
  ['simulator:?delay=', 'only ?delay='],
  ['simulator:?delay=-1', 'only ?delay='],
  ['simulator:?state=', 'only ?delay='],
  ['simulator:?what=1', 'only ?delay='],
  [`simulator:?state=/${'x'.repeat(256)}`, 'longer than 255'],
  ['simulator:?delay=1&delay=2', 'only ?delay='],
  ['null:x', 'nothing may follow'],
];

describe('an endpoint', () => {
  test.each(ACCEPTED)('%s is for %s', (text, uses, parts) => {
    for (const use of USES) {
      if (uses.split(' ').includes(use)) {
        const url = /^(ws|http)/.test(text) ? { url: text } : {};
        expect(parseEndpoint(text, use)).toEqual({ text, ...parts, ...url });
      } else expect(complaintOf(text, use)).toMatch(/ not for |a listener has no /);
    }
  });

  test.each(REJECTED)('%j is refused: %s', (text, why) => {
    const complaints = USES.map((use) => complaintOf(text, use));
    expect(complaints).not.toContain('');
    expect(
      complaints.some((complaint) =>
        typeof why === 'string' ? complaint.includes(why) : why.test(complaint),
      ),
    ).toBe(true);
    for (const complaint of complaints)
      expect(complaint).toMatch(/^"[ -~\u0080-\uffff]*: [^\n]*; for example [a-z]+:/);
  });

  test('is quoted in the complaint, masked and shortened', () => {
    expect(complaintOf('ws://me:hush@host:1/x', 'wire')).toBe(
      '"ws://***@host:1/x": passwords come from a file or the environment; for example ws://127.0.0.1:8080/pos',
    );
    expect(complaintOf('unix:/run/{4111111111111111}', 'channel')).not.toContain('411111');
    expect(complaintOf('x'.repeat(100_000), 'channel').length).toBeLessThan(500);
    expect(complaintOf('tcp:\u001b[2J:1', 'channel')).toContain('"tcp:\\u001b[2J:1"');
  });

  test('that was forgotten to be named is guessed', () => {
    expect(complaintOf('127.0.0.1:10001', 'wire')).toMatch(/; for example tcp:127\.0\.0\.1:10001$/);
    expect(complaintOf('/run/pay.sock', 'channel')).toMatch(/; for example unix:\/run\/pay\.sock$/);
    expect(complaintOf('nonsense', 'wire')).toMatch(/; for example tcp:127\.0\.0\.1:10001, /);
    expect(complaintOf('/4111111111111111', 'wire')).not.toContain('4111');
  });

  test('of plain HTTP is for this machine alone', () => {
    expect(complaintOf('http://127.1.2.3:8080/nexo', 'listen')).toBe('');
    expect(complaintOf('http://localhost:8080/nexo', 'listen')).toBe('');
    for (const host of ['0.0.0.0', '10.0.0.6', '[::]', 'pos.example'])
      expect(complaintOf(`http://${host}:8080/nexo`, 'listen')).toContain('for this machine alone');
    expect(complaintOf('https://0.0.0.0:8443/nexo', 'listen')).toBe('');
  });

  test('of another use is told what fits', () => {
    expect(complaintOf('serial:/dev/ttyS0', 'listen')).toBe(
      '"serial:/dev/ttyS0": serial: is not for listening; for example unix:/run/pay.sock, tcp:127.0.0.1:10001, ws://127.0.0.1:8080/pos, wss://pos.example.com/pos, http://127.0.0.1:8080/nexo, https://10.0.0.6:8443/nexo, fd:3',
    );
    expect(complaintOf('tcp:h:0', 'channel')).toContain('port 0 is not for a channel');
    expect(complaintOf('unix:/a?mode=0660', 'wire')).toContain('mode= is not for a wire');
    expect(complaintOf('unix:/{peer}', 'listen')).toContain('a listener has no {peer}');
    expect(complaintOf('ws://h/?x', 'listen')).toContain('a listener has no query');
    expect(complaintOf('fd:6,7', 'listen')).toContain('two descriptors are not for listening');
  });
});

const PIECES = [
  ...[
    'fd:',
    'fifo:',
    'unix:',
    'tcp:',
    'ws://',
    'wss://',
    'simulator:',
    'null:',
    'serial:/dev/ttyS0',
    'serial:',
    'usb=0403:6001',
    '?baudRate=9600',
    '&parity=even',
    '@',
    '?mode=0660',
    '?delay=1',
    '/',
    ':',
  ],
  ...[
    '{pid}',
    '{peer}',
    '{',
    '}',
    '[',
    ']',
    '::1',
    'h',
    '1',
    '65535',
    ',',
    '.',
    '..',
    '-',
    '%',
    '#',
    '?',
    '&',
    '=',
    ' ',
    'ä',
    '\n',
    '\0',
    '\ud800',
  ],
];
const soup = fc.array(fc.constantFrom(...PIECES), { maxLength: 12 }).map((pieces) => pieces.join(''));

test('whatever the text: a complaint of one line, or an endpoint that says the same when read again', () => {
  const property = fc.property(
    fc.oneof(soup, fc.string({ unit: 'binary' })),
    fc.constantFrom(...USES),
    (text, use) => {
      const complaint = complaintOf(text, use);
      expect(complaint).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}]/u);
      if (complaint !== '') return;
      const endpoint = parseEndpoint(text, use);
      expect(endpoint.text).toBe(text);
      expect(parseEndpoint(endpoint.text, use)).toEqual(endpoint);
    },
  );
  fc.assert(property, { numRuns: 20_000 });
});
