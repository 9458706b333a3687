import { Asker } from '../asker.mjs';
import { interleave } from '../interleave.mjs';
import { contestant, quietPosbridge, startOnPipes } from '../processes.mjs';
import { oneAtATime } from '../rate.mjs';

/** What the program answers by itself, and how long the answer is: the same for both. */
const KINDS = {
  nexo: {
    title: 'nexo Logout',
    options: ['--poi-id', 'posbridge'],
    request: nexoLogout,
    answerBytes: 260,
  },
  sca: {
    title: 'SCA STATUS',
    options: ['--currency', 'EUR'],
    request: Buffer.from(
      '<TRANSACTION><FUNCTION_TYPE>SECONDARYPORT</FUNCTION_TYPE><COMMAND>STATUS</COMMAND></TRANSACTION>',
    ),
    answerBytes: 202,
  },
};

/** Requests a second on a pipe, one at a time, of the dialects that have no measurement of their own. */
export async function measure({ isQuick, folder }) {
  const count = isQuick ? 500 : 5000;
  const comparisons = [];
  for (const [dialect, { title, options, request, answerBytes }] of Object.entries(KINDS)) {
    const bridge = quietPosbridge('--dialect', dialect, '--app', 'null:', ...options);
    const floor = contestant('answer-floor.cjs', dialect);
    const run = (command) => () => answerMany(startOnPipes(command, folder), { request, answerBytes, count });
    const { rate } = await interleave(
      { posbridge: run(bridge), floor: run(floor) },
      { rounds: isQuick ? 3 : 7 },
    );
    comparisons.push({
      title: `${title} on a pipe, one at a time`,
      unit: '/s',
      subject: 'posbridge',
      reference: 'floor',
      results: rate,
    });
  }
  return comparisons;
}

async function answerMany(starting, { request, answerBytes, count }) {
  const running = await starting;
  const times = await oneAtATime(new Asker(running, { answerBytes }), request, count);
  running.input.end();
  await running.child.exited;
  return { rate: (times.length * 1000) / times.reduce((sum, ms) => sum + ms, 0) };
}

/** A number that comes again is refused. */
function nexoLogout(turn) {
  const MessageHeader = {
    ...{ ProtocolVersion: '3.0', MessageClass: 'Service', MessageCategory: 'Logout', MessageType: 'Request' },
    ...{ ServiceID: `${turn}`.padStart(10, '0'), SaleID: 'till-1', POIID: 'posbridge' },
  };
  const text = Buffer.from(JSON.stringify({ SaleToPOIRequest: { MessageHeader, LogoutRequest: {} } }));
  const length = Buffer.alloc(4);
  length.writeUInt32BE(text.length);
  return Buffer.concat([length, text]);
}
