import { describeFault } from '../base/errors.ts';
import { maskText } from '../base/mask.ts';
import type { PosJob } from './pos-job.ts';

/** Shows how a sale goes, from `text` on, until the answer is called. `subject`: which sale. */
export function followSale({ client, screen }: PosJob, text: string, subject?: string): () => void {
  const listening = [
    client.on('connected', ({ to }) => screen.receive({ kind: 'connected', to })),
    client.on('disconnected', (disconnection) => screen.receive({ kind: 'disconnected', disconnection })),
    client.on('progress', (progress) => screen.receive({ kind: 'progress', progress })),
    client.on('status', (status) => screen.receive({ kind: 'status', status })),
    client.on('message', (message) => screen.receive({ kind: 'message', text: message })),
  ];
  screen.begin(text, subject);
  return () => {
    for (const stop of listening) stop();
    screen.end();
  };
}

/** For what is over in a moment: shows the connection, and that on a terminal only. */
export function followConnection({ client, screen, to }: PosJob): () => void {
  if (!screen.isLive) return () => {};
  const listening = [
    client.on('connected', ({ to }) => screen.receive({ kind: 'connected', to })),
    client.on('disconnected', (disconnection) => screen.receive({ kind: 'disconnected', disconnection })),
  ];
  screen.begin(`connecting to ${to}`);
  return () => {
    for (const stop of listening) stop();
    screen.end();
  };
}

/** From the moment that the sale is sent, the first Ctrl-C asks the terminal to abort it; what came of it, the sale tells. */
export function abortOnInterrupt({ client, screen, interrupts }: PosJob): () => void {
  let isSent = false;
  interrupts.onFirst(() => {
    if (!isSent) return 'stop';
    screen.receive({ kind: 'note', text: 'asking the terminal to abort; Ctrl-C again stops waiting' });
    client.abort({ signal: interrupts.stopped }).catch((fault: unknown) => {
      screen.receive({ kind: 'note', text: `not aborted: ${maskText(describeFault(fault))}` });
    });
    return 'asked';
  });
  return client.on('progress', ({ step }) => {
    if (step === 'sent') isSent = true;
  });
}
