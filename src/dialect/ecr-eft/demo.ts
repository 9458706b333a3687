import type { ListeningDemo } from '../demo.ts';
import { encodeFrame } from './frame.ts';

export const demo: ListeningDemo = {
  kind: 'listening',
  listen: 'tcp:127.0.0.1:5002',
  whatToTry: (address) => {
    const [, host = '127.0.0.1', port = '5002'] = /^tcp:\[?(.*?)\]?:(\d+)$/.exec(address) ?? [];
    const test = printf(0x12, 'T1');
    const sale = printf(0x2a31, 'S1', 'S', 'ABC1234567890', '6', '928', '828', '100', 'PLN', '0', '30000');
    return `In another window, test the link:

  ${test} | nc -N ${host} ${port} | od -An -c

and buy something for 9.28 PLN; the answer is I1 for the progress and S2 for the end:

  ${sale} | nc -N ${host} ${port} | od -An -c

The same payment on a new connection is refused by this terminal as a duplicate: every payment id can be used once.`;
  },
};

/** A frame as octal escapes where the shell's printf needs them. */
function printf(token: number, type: string, ...fields: string[]): string {
  const frame = encodeFrame({ token, type, fields: fields.map((field) => Buffer.from(field)) });
  const text = [...frame]
    .map((byte) =>
      byte >= 0x20 && byte < 0x7f && !"\\%'".includes(String.fromCharCode(byte))
        ? String.fromCharCode(byte)
        : `\\${byte.toString(8).padStart(3, '0')}`,
    )
    .join('');
  return `printf '${text}'`;
}
