// TMAP, channel device: the terminal itself and its maintenance. tmap.mjs SOCKET; SIGUSR2 begins maintenance, and ends it.
import { serve } from './module.mjs';

let isMaintained = false;
const status = () => ({
  ready_for_transaction: !isMaintained,
  ...(isMaintained && { update_status: 'MAINTENANCE' }),
});

const tell = serve(process.argv[2], (method) => {
  if (method === 'Status') return { result: status() };
  return method === 'TerminalInfo' ? { result: { version: '1.0.0', serial_number: 'EXAMPLE-1' } } : undefined;
});
process.on('SIGUSR2', () => {
  isMaintained = !isMaintained;
  tell('StatusEvent', status());
});
