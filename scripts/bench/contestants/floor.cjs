// The floor: the least that a Node.js program can do to answer `_Keepalive` on standard input and output. Nothing is
// checked.
let rest = '';
process.stdin.setEncoding('latin1').on('data', (text) => {
  rest += text;
  let answers = '';
  let at = 0;
  for (let length = 0; rest.length >= at + 10; at += 10 + length) {
    length = Number.parseInt(rest.slice(at, at + 8), 16);
    if (rest.length < at + 10 + length) break;
    const { id, method } = JSON.parse(rest.slice(at + 9, at + 9 + length));
    const json = JSON.stringify({ jsonrpc: '2.0', id, response_to: method, result: {} });
    answers += `${json.length.toString(16).padStart(8, '0')}:${json}\n`;
  }
  rest = rest.slice(at);
  if (answers !== '') process.stdout.write(answers);
});
