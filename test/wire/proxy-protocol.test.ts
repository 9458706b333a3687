import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { memoryWirePair } from '../../src/wire/memory.ts';
import {
  MAX_HEADER_BYTES,
  type ProxyHeader,
  readProxyHeader,
  SIGNATURE,
} from '../../src/wire/proxy-header.ts';
import { acceptRelayed } from '../../src/wire/relayed-wire.ts';
import { TrustedProxies } from '../../src/wire/trusted-proxies.ts';
import { FakeClock } from '../kit/fake-clock.ts';
import { everySplit } from '../kit/splits.ts';
import { wireContract } from './contract.ts';
import { Recorder, someTurns } from './recorder.ts';

const LINE = 'PROXY TCP4 10.0.0.7 10.0.0.1 51000 10001\r\n';
const V4 = '0a000007 0a000001 c738 2711';
const V6 = '20010db8 00000000 00000000 00000007 20010db8 00000000 00000000 00000001 c738 2711';

/** A header of version 2: command and family as they are sent, and what follows the length, in hex. */
function binary(command: number, kind: number, body = '', length?: number): Buffer {
  const bytes = Buffer.from(body.replaceAll(' ', ''), 'hex');
  const fixed = Buffer.from([command, kind, 0, 0]);
  fixed.writeUInt16BE(length ?? bytes.length, 2);
  return Buffer.concat([SIGNATURE, fixed, bytes]);
}

const text = (line: string) => Buffer.from(line, 'latin1');
const isWhole = (header: ProxyHeader | undefined) => header !== undefined && 'bytes' in header;

describe('a header names whom the proxy speaks for:', () => {
  const VALID: readonly (readonly [string, Buffer, string | undefined])[] = [
    ['a line for IPv4', text(LINE), '10.0.0.7'],
    ['a line for IPv6', text('PROXY TCP6 2001:DB8:0:0::7 2001:db8::1 51000 10001\r\n'), '2001:db8::7'],
    ['a line for IPv4 inside IPv6', text('PROXY TCP6 ::ffff:10.0.0.7 ::1 0 65535\r\n'), '10.0.0.7'],
    ['a line that knows nothing', text('PROXY UNKNOWN\r\n'), undefined],
    ['a line that knows nothing, and says more', text(`PROXY UNKNOWN ${'x'.repeat(91)}\r\n`), undefined],
    ['TCP over IPv4', binary(0x21, 0x11, V4), '10.0.0.7'],
    ['TCP over IPv6', binary(0x21, 0x21, V6), '2001:db8::7'],
    ['a UNIX stream', binary(0x21, 0x31, '00'.repeat(216)), 'unix'],
    ['TCP over IPv4 with more behind it', binary(0x21, 0x11, `${V4} 20 0003 010203 ff`), '10.0.0.7'],
    ['the proxy itself', binary(0x20, 0x00), undefined],
    ['the proxy itself, whatever family it names', binary(0x20, 0xff, V4), undefined],
    ['a family that is not said', binary(0x21, 0x00, 'ffff'), undefined],
    ['a datagram', binary(0x21, 0x12, V4), undefined],
    ['as much as fits', binary(0x21, 0x11, V4 + '00'.repeat(MAX_HEADER_BYTES - 28)), '10.0.0.7'],
  ];

  test.each(VALID)('%s', (_what, header, source) => {
    const bytes = Buffer.concat([header, text('PROXY of what follows')]);
    expect(readProxyHeader(bytes)).toMatchObject({ bytes: header.length });
    const read = readProxyHeader(bytes);
    expect(read !== undefined && 'source' in read ? read.source?.text : 'none').toBe(source);
  });

  test('it is whole with its last byte and not before', () => {
    for (const [, header] of VALID) {
      for (let length = 0; length < Math.min(header.length, 300); length += 1) {
        expect(readProxyHeader(header.subarray(0, length))).toBeUndefined();
      }
      expect(isWhole(readProxyHeader(header.subarray(0, -1)))).toBe(false);
    }
  });
});

describe('refused as soon as it can be is', () => {
  test.each([
    ['something else', text('0'), 'it does not begin with one'],
    ['another word', text('PROXIES'), 'it does not begin with one'],
    ['a longer line', text(`PROXY TCP4 ${'1'.repeat(96)}`), 'its line is over 107 bytes'],
    ['a line feed alone', text('PROXY TCP4 10.0.0.7 10.0.0.1 1 2\n'), 'its line does not end in CR LF'],
    ['a carriage return alone', text('PROXY UNKNOWN\rx'), 'its line does not end in CR LF'],
    ['one field too few', text('PROXY TCP4 10.0.0.7 10.0.0.1 1\r\n'), 'its line names no connection'],
    ['one field too many', text('PROXY TCP4 10.0.0.7 10.0.0.1 1 2 3\r\n'), 'its line names no connection'],
    ['two spaces', text('PROXY TCP4  10.0.0.7 10.0.0.1 1 2\r\n'), 'its line names no connection'],
    ['another family', text('PROXY UDP4 10.0.0.7 10.0.0.1 1 2\r\n'), 'its line names no connection'],
    ['an address of the other family', text('PROXY TCP4 ::1 ::1 1 2\r\n'), 'its line names no connection'],
    ['a zero in front', text('PROXY TCP4 10.0.0.07 10.0.0.1 1 2\r\n'), 'its line names no connection'],
    ['an interface', text('PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n'), 'its line names no connection'],
    ['a port too high', text('PROXY TCP4 10.0.0.7 10.0.0.1 1 65536\r\n'), 'its line names no connection'],
    [
      'a port with a zero in front',
      text('PROXY TCP4 10.0.0.7 10.0.0.1 01 2\r\n'),
      'its line names no connection',
    ],
    ['a name', text('PROXY TCP4 till-1 10.0.0.1 1 2\r\n'), 'its line names no connection'],
    ['another version', binary(0x11, 0x11), 'its version is 1, not 2'],
    ['another command', binary(0x22, 0x11), 'its command is 2'],
    ['another family, of a connection', binary(0x21, 0x41), 'its address family and transport are 0x41'],
    ['another transport', binary(0x21, 0x03), 'its address family and transport are 0x03'],
    ['too few bytes of addresses', binary(0x21, 0x11, '', 11), 'its addresses have 11 of 12 bytes'],
    ['more than is read', binary(0x21, 0x11, '', 16_369), 'it has 16385 bytes, over 16384'],
  ])('%s', (_what, bytes, fault) => {
    expect(readProxyHeader(bytes)).toEqual({ fault });
  });

  test('whatever is random, within its length and without an exception', () => {
    const begin = fc.constantFrom(
      text('PROXY '),
      text('PROXY TCP4 '),
      SIGNATURE,
      binary(0x21, 0x11),
      text(''),
    );
    fc.assert(
      fc.property(begin, fc.uint8Array({ maxLength: 300 }), (start, more) => {
        const bytes = Buffer.concat([start, more]);
        const header = readProxyHeader(bytes);
        if (header === undefined) expect(bytes.length).toBeLessThan(MAX_HEADER_BYTES);
        else if ('bytes' in header) {
          expect(header.bytes).toBeLessThanOrEqual(bytes.length);
          expect(readProxyHeader(bytes.subarray(0, header.bytes))).toEqual(header);
        }
      }),
    );
  });
});

describe('trusted are', () => {
  test.each([
    ['127.0.0.1', ['127.0.0.1'], ['127.0.0.2', '::1']],
    ['10.0.0.0/24, ::1', ['10.0.0.255', '::1'], ['10.0.1.0', '::2']],
    ['2001:db8::/32', ['2001:db8:ffff::1'], ['2001:db9::1']],
    ['0.0.0.0/0', ['192.0.2.1'], ['::1']],
  ])('%s', (given, yes, no) => {
    const trusted = TrustedProxies.parse(given);
    for (const address of yes) expect(trusted?.has({ address, text: address })).toBe(true);
    for (const address of no) expect(trusted?.has({ address, text: address })).toBe(false);
    expect(trusted?.has({ text: 'unix' })).toBe(false);
  });

  test('UNIX sockets where they are named, and not what has no address any more', () => {
    const trusted = TrustedProxies.parse('unix,127.0.0.1');
    expect(trusted?.has({ text: 'unix' })).toBe(true);
    expect(trusted?.has({ text: 'tcp' })).toBe(false);
    expect(trusted?.has({ text: 'pipe' })).toBe(false);
  });

  test.each([
    '',
    '127.0.0.1,',
    'localhost',
    '10.0.0.0/33',
    '10.0.0.0/',
    '::/129',
    '10.0.0.0/8/8',
    '10.0.0',
    '*',
  ])('nobody by %j, which is refused', (given) => expect(TrustedProxies.parse(given)).toBeUndefined());
});

/** A wire behind a proxy, and the proxy's end. */
function behindProxy(clock = new FakeClock()) {
  const [near, far] = memoryWirePair({ peer: { address: '127.0.0.1', text: '127.0.0.1' } });
  const proxy = new Recorder(far).start();
  return { accepted: acceptRelayed(near, { clock }), proxy, clock };
}

/** Writes on in the background: what follows the header is not taken before the wire is started. */
function sent(...pieces: (Buffer | string)[]) {
  const { accepted, proxy } = behindProxy();
  accepted.catch(() => {});
  const written = (async () => {
    for (const piece of pieces) if (piece.length > 0) await proxy.write(piece);
  })();
  return { accepted, proxy, written };
}

wireContract('memory behind a proxy', async () => {
  const [near, far] = memoryWirePair();
  far.write(text(LINE), () => {});
  return { near: await acceptRelayed(near), far };
});

describe('behind a proxy', () => {
  test('the peer is the one that the header names, and what follows the header is all there, at every split', async () => {
    const bytes = Buffer.concat([binary(0x21, 0x21, V6), text('and a register speaks')]);
    for (const pieces of everySplit(bytes)) {
      const { accepted, proxy, written } = sent(...pieces);
      const wire = await accepted;
      expect(wire.peer).toEqual({ address: '2001:db8::7', text: '2001:db8::7' });
      const register = new Recorder(wire).start();
      await written;
      proxy.wire.endOutput();
      await register.ended;
      expect(register.text).toBe('and a register speaks');
      expect(register.violations).toEqual([]);
      wire.destroy();
    }
  });

  test('bytes may come one by one', async () => {
    const { accepted } = sent(...[...LINE].map((letter) => letter));
    expect((await accepted).peer.text).toBe('10.0.0.7');
  });

  test.each([
    ['the proxy itself', binary(0x20, 0)],
    ['nobody that it knows', text('PROXY UNKNOWN\r\n')],
  ])('whoever speaks for %s is the proxy', async (_what, header) => {
    const { accepted } = sent(header);
    expect((await accepted).peer).toEqual({ address: '127.0.0.1', text: '127.0.0.1' });
  });

  test('a connection that ends without a byte is the proxy itself', async () => {
    const { accepted, proxy } = behindProxy();
    proxy.wire.endOutput();
    const wire = await accepted;
    const nobody = new Recorder(wire).start();
    await nobody.ended;
    expect([wire.peer.text, nobody.text]).toEqual(['127.0.0.1', '']);
  });

  test.each([
    ['something else', 'GET / HTTP/1.1\r\n', 'it does not begin with one'],
    ['half a header', LINE.slice(0, 20), 'the connection ended within it'],
  ])('%s closes the connection, with a reason', async (_what, bytes, why) => {
    const { accepted, proxy, written } = sent(bytes);
    await written;
    proxy.wire.endOutput();
    await expect(accepted).rejects.toMatchObject({
      code: 'WIRE_FAULT',
      text: `127.0.0.1 has to begin with a PROXY protocol header (--proxy-protocol): ${why}`,
    });
    await proxy.closed;
  });

  test('a header that is not whole within 5 s closes the connection', async () => {
    const { accepted, proxy, clock } = behindProxy();
    await proxy.write(LINE.slice(0, -1));
    clock.advance(4999);
    await someTurns();
    clock.advance(1);
    await expect(accepted).rejects.toThrow('no whole one came within 5 s');
    await proxy.closed;
    expect(clock.timerCount).toBe(0);
  });

  test('no timer is left when the header has come', async () => {
    const { accepted, proxy, clock } = behindProxy();
    await proxy.write(LINE);
    await accepted;
    expect(clock.timerCount).toBe(0);
  });

  test('nothing more is read before the wire is started', async () => {
    const { accepted, proxy } = sent(`${LINE}one`);
    const wire = await accepted;
    let isTaken = false;
    void proxy.write('two').then(() => {
      isTaken = true;
    });
    await someTurns();
    expect(isTaken).toBe(false);
    const register = new Recorder(wire).start();
    expect(String(await register.received(6))).toBe('onetwo');
  });

  test('a paused wire hands over nothing', async () => {
    const { accepted, proxy } = sent(`${LINE}one`);
    const register = new Recorder(await accepted).start();
    register.wire.pause();
    proxy.wire.endOutput();
    await someTurns();
    expect(register.text).toBe('');
    register.wire.resume();
    await register.ended;
    expect(register.text).toBe('one');
  });

  test('what is read after a pause within the first chunk comes in order', async () => {
    const { accepted, proxy } = sent(`${LINE}one`);
    const register = new Recorder(await accepted);
    register.onChunk = () => {
      register.wire.pause();
      setImmediate(() => register.wire.resume());
    };
    register.start();
    void proxy.write('two').then(() => proxy.wire.endOutput());
    await register.ended;
    expect(register.text).toBe('onetwo');
  });

  test('a wire that is destroyed before it is started closes all the same', async () => {
    const { accepted } = sent(`${LINE}one`);
    const wire = await accepted;
    wire.destroy();
    await someTurns();
    const register = new Recorder(wire).start();
    expect(await register.closed).toBeUndefined();
    expect(register.text).toBe('');
  });

  test('a fault before the start is reported after it', async () => {
    const { accepted, proxy } = sent(LINE);
    const wire = await accepted;
    proxy.wire.reset?.();
    await someTurns();
    expect(await new Recorder(wire).start().closed).toMatchObject({ code: 'ECONNRESET' });
  });
});
