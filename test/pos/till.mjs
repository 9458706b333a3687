// A register in a process of its own: node till.mjs ENDPOINT STORE [COUNT]. Recovers, then makes COUNT purchases.
// Writes a JSON object a line: {"recovered":…}, {"sent":…}, {"sold":…}, {"failed":…}.
import { PosClient } from '../../dist/index.js';

const [to, store, count = '1'] = process.argv.slice(2);
const say = (line) => console.log(JSON.stringify(line));
const pos = await PosClient.open({ to, store });
pos.on('progress', ({ step, receiptId }) => {
  if (step === 'sent') say({ sent: receiptId });
});
for await (const sale of pos.recover()) say({ recovered: sale });
for (let sale = 0; sale < Number(count); sale += 1) {
  try {
    say({ sold: await pos.purchase({ amountMinor: 1230, currency: 'EUR' }) });
  } catch (fault) {
    say({ failed: fault.message });
  }
}
await pos.close();
