// The payment application of the benchmark: answers every request at once, in lines behind a bridge, in frames where
// there is none. `node application.cjs SOCKET`; writes a byte when it listens.
const { createServer } = require('node:net');

const RESULT = { approved: true, authorization_code: '123456' };
const inLine = ({ connection, id }) =>
  `${JSON.stringify({ connection, jsonrpc: '2.0', id, result: RESULT })}\n`;
const inFrame = ({ id, method }) => {
  const json = JSON.stringify({ jsonrpc: '2.0', id, response_to: method, result: RESULT });
  return `${json.length.toString(16).padStart(8, '0')}:${json}\n`;
};

createServer((socket) => {
  let rest = '';
  socket.setEncoding('latin1').on('error', () => {});
  socket.on('data', (text) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop();
    let answers = '';
    for (const line of lines) {
      const isFramed = line[0] !== '{';
      const message = JSON.parse(isFramed ? line.slice(9) : line);
      if (message.id !== undefined) answers += isFramed ? inFrame(message) : inLine(message);
    }
    if (answers !== '') socket.write(answers);
  });
}).listen(process.argv[2], () => process.stdout.write('.'));
