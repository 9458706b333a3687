import { useState } from 'preact/hooks';
import type { Client, Sale } from './client.ts';
import { Settle } from './settle.tsx';

const STATE_WORDS: Readonly<Record<Sale['state'], string>> = {
  pending: 'Under way',
  approved: 'Approved',
  declined: 'Declined',
  cancelled: 'Cancelled',
  'not-started': 'Not started',
  'not-reached': 'Not charged',
  unknown: 'Unknown',
};

interface SaleCardProps {
  readonly client: Client;
  readonly sale: Sale;
  /** What the terminal says to the cashier. */
  readonly message: string | undefined;
  readonly print: (lines: readonly string[]) => void;
}

export function SaleCard({ client, sale, message, print }: SaleCardProps) {
  const [isSettling, setIsSettling] = useState(false);
  const [fault, setFault] = useState('');
  const { id, state, kind, amount, currency, terminal, reference, reason, card, receipts, createdAt } = sale;
  const abort = () =>
    client.abort(id).catch((refused: unknown) => setFault(String((refused as Error).message)));
  return (
    <article class={`sale ${state}`} aria-label={`Sale ${id}`}>
      <div class="head">
        <span class="money">
          {kind === 'refund' && '−'}
          {amount} {currency}
        </span>
        <span class="state">{STATE_WORDS[state]}</span>
      </div>
      {sale.approvedAmount !== undefined && (
        <p class="loud" role="alert">
          Approved for {sale.approvedAmount} {sale.approvedCurrency ?? currency}, not for what was asked.
        </p>
      )}
      <p class="facts">
        {terminal} · {timeText(createdAt)} · {id}
        {reference !== null && ` · ${reference}`}
        {card !== null && ` · ${[card.scheme, card.maskedNumber].filter(Boolean).join(' ')}`}
        {sale.settledBy !== undefined && ` · settled by ${sale.settledBy}`}
      </p>
      {state === 'pending' && message !== undefined && <p class="message">{message}</p>}
      {reason !== null && <p class="facts">{reason.displayMessage ?? reason.message}</p>}
      {state === 'unknown' && (
        <p class="advice">
          Nobody could tell so far whether this was charged. The terminal is asked on. Do not repeat the sale:
          look at the terminal's own list or receipt, or ask the acquirer, and then settle it here.
        </p>
      )}
      {fault !== '' && (
        <p class="fault" role="alert">
          {fault}
        </p>
      )}
      <div class="do">
        {state === 'pending' && (
          <button type="button" onClick={() => void abort()}>
            Abort
          </button>
        )}
        {state === 'unknown' && (
          <button type="button" onClick={() => setIsSettling(true)}>
            Settle…
          </button>
        )}
        {(['customer', 'merchant'] as const).map((copy) => {
          const lines = receipts[copy];
          return (
            lines !== null && (
              <button key={copy} type="button" onClick={() => print(lines)}>
                {copy === 'customer' ? "Customer's receipt" : "Merchant's receipt"}
              </button>
            )
          );
        })}
      </div>
      {isSettling && <Settle client={client} sale={sale} close={() => setIsSettling(false)} />}
    </article>
  );
}

function timeText(time: string): string {
  return new Date(time).toLocaleString(undefined, { dateStyle: 'short', timeStyle: 'medium' });
}
