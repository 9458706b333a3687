// SCAP, channel ui: what the cardholder and the paper get. scap.mjs SOCKET
import { serve } from './module.mjs';

serve(process.argv[2], (method, { lines = [] }) => {
  if (method !== 'DisplayScreen' && method !== 'Print') return undefined;
  const place = method === 'Print' ? 'paper' : 'display';
  for (const line of lines) console.log(`${place}: ${line}`);
  return { result: {} };
});
