import type { ListeningDemo } from '../demo.ts';

export const demo: ListeningDemo = {
  kind: 'listening',
  listen: 'tcp:127.0.0.1:10001',
  whatToTry: (address) => {
    const [, host = '127.0.0.1', port = '10001'] = /^tcp:\[?(.*?)\]?:(\d+)$/.exec(address) ?? [];
    const purchase = frame({
      jsonrpc: '2.0',
      id: 'demo-1',
      method: 'Purchase',
      params: { receipt_id: 17, sequence_id: 1, amount: 1230, currency: 'EUR' },
    });
    const check = frame({
      jsonrpc: '2.0',
      id: 'demo-2',
      method: 'Check',
      params: { receipt_id: 17, sequence_id: 1 },
    });
    return `In another window, buy something for 12.30 EUR:

  printf '%s\\n' '${purchase}' | nc -N ${host} ${port}

and ask what became of it:

  printf '%s\\n' '${check}' | nc -N ${host} ${port}

Every receipt_id and sequence_id can be used once.`;
  },
};

/** One frame without its LF, which the shell's printf adds. */
function frame(message: object): string {
  const json = JSON.stringify(message);
  return `${json.length.toString(16).padStart(8, '0')}:${json}`;
}
