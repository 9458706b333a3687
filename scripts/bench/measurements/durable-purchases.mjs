import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs';
import path from 'node:path';
import { Asker } from '../asker.mjs';
import { interleave } from '../interleave.mjs';
import { frameOf } from '../messages.mjs';
import { quietPosbridge, startApplication, startOnPipes } from '../processes.mjs';

/** About what a record of the journal takes. */
const RECORD = Buffer.from(`${'x'.repeat(299)}\n`);
/** `sent`, and the outcome. */
const WRITES_A_PURCHASE = 2;
const WARM_UP = 10;

/** Purchases a second, one after the other, with a journal and without, and what the disk itself would allow. */
export async function measure({ isQuick, folder }) {
  const socketPath = path.join(folder, 'durable.sock');
  const application = await startApplication(socketPath);
  const count = isQuick ? 100 : 1000;
  let runs = 0;
  const buying = (args) => () => {
    runs += 1;
    return buy(['--app', `unix:${socketPath}`, '--keepalive', 'off', ...args], { count, run: runs, folder });
  };
  const metrics = await interleave(
    {
      'posbridge --journal': buying(['--journal', path.join(folder, 'journal'), '--register', 'till']),
      'posbridge without a journal': buying(['--lock', path.join(folder, 'lock')]),
      'two writes of 300 bytes, each synced': async () => syncLoop(folder, count),
    },
    { rounds: isQuick ? 3 : 7 },
  );
  application.kill('SIGTERM');
  await application.exited;
  return [
    {
      title: 'durable purchases',
      unit: '/s',
      subject: 'posbridge --journal',
      reference: 'two writes of 300 bytes, each synced',
      results: metrics.perSecond,
    },
  ];
}

async function buy(args, { count, run, folder }) {
  const running = await startOnPipes(quietPosbridge(...args), folder);
  const asker = new Asker(running);
  let startMs = 0;
  for (let turn = -WARM_UP; turn < count; turn += 1) {
    if (turn === 0) startMs = performance.now();
    const params = { receipt_id: `${run}-${turn}`, sequence_id: 1, amount: 1250, currency: 'EUR' };
    await asker.ask(frameOf({ jsonrpc: '2.0', id: `pos-1-${turn}`, method: 'Purchase', params }), 1);
  }
  const perSecond = (count * 1000) / (performance.now() - startMs);
  running.input.end();
  await running.child.exited;
  return { perSecond };
}

function syncLoop(folder, count) {
  const file = openSync(path.join(folder, 'loop'), 'a');
  const startMs = performance.now();
  for (let write = 0; write < count * WRITES_A_PURCHASE; write += 1) {
    writeSync(file, RECORD);
    fdatasyncSync(file);
  }
  const perSecond = (count * 1000) / (performance.now() - startMs);
  closeSync(file);
  return { perSecond };
}
