// The floor of nexo and of SCA: the least that a Node.js program can do to answer a Logout, or a STATUS, on standard
// input and output: node answer-floor.cjs nexo|sca.
let held = Buffer.alloc(0);
const END = '</TRANSACTION>';
const STATUS =
  '<RESPONSE><RESPONSE_TEXT>Operation SUCCESSFUL</RESPONSE_TEXT><RESULT>OK</RESULT><RESULT_CODE>-1</RESULT_CODE><TERMINATION_STATUS>SUCCESS</TERMINATION_STATUS><SECONDARY_DATA>0</SECONDARY_DATA></RESPONSE>';

function nexo() {
  while (held.length >= 4 && held.length >= 4 + held.readUInt32BE()) {
    const length = held.readUInt32BE();
    const { MessageHeader } = JSON.parse(held.toString('utf8', 4, 4 + length)).SaleToPOIRequest;
    held = held.subarray(4 + length);
    const answer = Buffer.from(
      `    ${JSON.stringify({
        SaleToPOIResponse: {
          MessageHeader: { ...MessageHeader, MessageType: 'Response' },
          LogoutResponse: { Response: { Result: 'Success' } },
        },
      })}`,
    );
    answer.writeUInt32BE(answer.length - 4);
    process.stdout.write(answer);
  }
}

function sca() {
  for (;;) {
    const end = held.indexOf(END);
    if (end === -1) return;
    const command = /<COMMAND>(\w+)</.exec(held.toString('utf8', 0, end));
    held = held.subarray(end + END.length);
    if (command?.[1] === 'STATUS') process.stdout.write(STATUS);
  }
}

const answer = process.argv[2] === 'nexo' ? nexo : sca;
process.stdin.on('data', (chunk) => {
  held = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
  answer();
});
