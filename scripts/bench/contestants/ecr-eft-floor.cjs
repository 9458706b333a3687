// The floor of ECR-EFT: the least that a Node.js program can do to answer link tests on standard input and output. It
// checks the check byte and looks at nothing but the token.
const TAIL = Buffer.from('\x1cT2\x1c170\x1cposbridge\x1cbridge\x1c0\x1c\x03', 'latin1');
const ACK = 6;
const NAK = 21;
let content;
let check = 0;
let isBehind = false;
process.stdin.on('data', (chunk) => {
  const answers = [];
  for (const byte of chunk) {
    if (isBehind) {
      isBehind = false;
      if (byte === check) answers.push(Buffer.from([ACK]), answerTo(Buffer.from(content)));
      else answers.push(Buffer.from([NAK]));
      content = undefined;
    } else if (byte === 2) {
      content = [];
      check = 0;
    } else if (content !== undefined) {
      check ^= byte;
      if (byte === 3) isBehind = true;
      else content.push(byte);
    }
  }
  if (answers.length > 0) process.stdout.write(Buffer.concat(answers));
});

function answerTo(request) {
  const frame = Buffer.concat([Buffer.from([2]), request.subarray(0, request.indexOf(0x1c)), TAIL]);
  let sum = 0;
  for (let at = 1; at < frame.length; at += 1) sum ^= frame[at];
  return Buffer.concat([frame, Buffer.from([sum])]);
}
