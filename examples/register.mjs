// One sale from the register's side: node examples/register.mjs tcp:127.0.0.1:10001 /var/lib/till 12.30 EUR
import { formatAmount, PeerError, PosClient, PosError, parseAmount } from 'posbridge';

const [to = 'tcp:127.0.0.1:10001', store = 'till-store', amount = '12.30', currency = 'EUR'] =
  process.argv.slice(2);
const amountMinor = parseAmount(amount, currency);
const pos = await PosClient.open({ to, store, cashierLanguage: 'en' });
pos.on('message', (text) => console.log(text)); // for the cashier
pos.on('disconnected', ({ reason }) => console.log(`no terminal: ${reason.text}`));

try {
  // First of all what an earlier run has left open: it may have been charged.
  for await (const sale of pos.recover()) console.log(`receipt ${sale.receiptId}: ${sale.outcome}`);

  const sale = await pos.purchase({ amountMinor, currency });
  console.log(`${formatAmount(amountMinor, currency)}, receipt ${sale.receiptId}: ${sale.outcome}`);
  if (sale.outcome === 'approved' && !sale.isAsAsked) console.log(`for another amount: ${sale.text}`);
  if (sale.outcome !== 'approved') console.log(sale.reason.displayMessage ?? sale.reason.message);
  process.exitCode = sale.outcome !== 'approved' ? 1 : sale.isAsAsked ? 0 : 2;
} catch (fault) {
  if (!(fault instanceof PosError) && !(fault instanceof PeerError)) throw fault;
  console.error(fault.message);
  process.exitCode = fault.code === 'OUTCOME_UNKNOWN' ? 75 : 111; // 75: run it again, it will find out
} finally {
  await pos.close();
}
