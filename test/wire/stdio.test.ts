import { describe, expect, test } from 'vitest';
import { chooseStdio, type DescriptorProbe, peerFromEnvironment } from '../../src/wire/stdio.ts';

function probe(options: { sockets?: number[]; inherited?: number[] }): DescriptorProbe {
  const { sockets = [], inherited = [0, 1, 2, 6, 7] } = options;
  return { isSocket: (fd) => sockets.includes(fd), isInherited: (fd) => inherited.includes(fd) };
}

describe('chooseStdio', () => {
  test('takes 6 and 7 under a UCSPI client', () => {
    expect(chooseStdio({ PROTO: 'TCP' }, probe({}))).toEqual({ read: 6, write: 7 });
    expect(chooseStdio({ PROTO: 'SSL', TCPCONNNUM: '1' }, probe({}))).toEqual({ read: 6, write: 7 });
  });

  test.each([
    ['there is no super-server', {}, {}],
    ['PROTO is empty', { PROTO: '' }, {}],
    ['a server counts its connections', { PROTO: 'TCP', TCPCONNNUM: '1' }, {}],
    ['descriptor 0 is a socket, as under classic tcpserver', { PROTO: 'TCP' }, { sockets: [0] }],
    ['6 was not inherited', { PROTO: 'TCP' }, { inherited: [0, 1, 2, 7] }],
    ['7 was not inherited', { PROTO: 'TCP' }, { inherited: [0, 1, 2, 6] }],
  ])('takes 0 and 1 when %s', (_why, env, options) => {
    expect(chooseStdio(env, probe(options))).toEqual({ read: 0, write: 1 });
  });
});

describe('peerFromEnvironment', () => {
  test.each([
    [
      { PROTO: 'TCP', TCPREMOTEIP: '192.0.2.7' },
      { address: '192.0.2.7', text: '192.0.2.7' },
    ],
    [
      { PROTO: 'SSL', SSLREMOTEIP: '2001:db8::1' },
      { address: '2001:db8::1', text: '2001:db8::1' },
    ],
    [
      { PROTO: 'TCP', TCPREMOTEIP: '::ffff:192.0.2.7' },
      { address: '192.0.2.7', text: '192.0.2.7' },
    ],
    [{ PROTO: 'UNIX' }, { text: 'unix' }],
    [{ PROTO: 'IPC', IPCREMOTEEUID: '0' }, { text: 'unix' }],
    [{}, undefined],
    [{ PROTO: 'TCP' }, undefined],
    [{ PROTO: 'TCP', TCPREMOTEIP: '../../etc' }, undefined],
  ])('reads %j', (env, peer) => {
    expect(peerFromEnvironment(env)).toEqual(peer);
  });
});
