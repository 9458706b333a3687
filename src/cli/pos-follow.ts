import { describeFault } from '../base/errors.ts';
import { maskText } from '../base/mask.ts';
import type { PosJob } from './pos-job.ts';

/**
 * Shows how a sale goes until the answer is called, from `text` on, else from the first attempt to connect: a sale of
 * which the store knows everything needs none. `subject`: which sale.
 */
export function followSale(
  { client, screen }: PosJob,
  { text, subject }: { readonly text?: string; readonly subject?: string },
): () => void {
  let isShown = text !== undefined;
  const listening = [
    client.on('connecting', ({ to }) => {
      if (!isShown) screen.begin(`connecting to ${to}`, subject);
      isShown = true;
    }),
    client.on('connected', ({ to }) => screen.receive({ kind: 'connected', to })),
    client.on('disconnected', (disconnection) => screen.receive({ kind: 'disconnected', disconnection })),
    client.on('progress', (progress) => screen.receive({ kind: 'progress', progress })),
    client.on('status', (status) => screen.receive({ kind: 'status', status })),
    client.on('message', (message) => screen.receive({ kind: 'message', text: message })),
  ];
  if (text !== undefined) screen.begin(text, subject);
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

/**
 * From the moment that the sale is sent, the first Ctrl-C asks the terminal to abort it; what came of it, the sale
 * tells.
 */
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
