// Reads JSON-RPC messages in the framing of the Language Server Protocol, and does nothing with them. A byte tells that
// the first one is there, another that all are.
const { StreamMessageReader } = require('vscode-jsonrpc/node');

let isFirst = true;
new StreamMessageReader(process.stdin).listen(() => {
  if (isFirst) process.stdout.write('1');
  isFirst = false;
});
process.stdin.on('end', () => process.stdout.write('.'));
