import { useEffect, useRef, useState } from 'preact/hooks';
import type { Settlement } from '../shown.ts';
import type { Client, Sale } from './client.ts';

interface SettleProps {
  readonly client: Client;
  readonly sale: Sale;
  readonly close: () => void;
}

/** Asks a person how an unknown sale has ended, and who says so. */
export function Settle({ client, sale, close }: SettleProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [outcome, setOutcome] = useState<Settlement>();
  const [by, setBy] = useState('');
  const [fault, setFault] = useState('');
  useEffect(() => dialog.current?.showModal(), []);
  const settle = async () => {
    if (outcome === undefined) return;
    try {
      await client.settle(sale.id, outcome, by.trim());
      close();
    } catch (refused) {
      setFault((refused as Error).message);
    }
  };
  return (
    <dialog ref={dialog} aria-labelledby="settle-title" onCancel={close}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void settle();
        }}
      >
        <h2 id="settle-title">
          How did {sale.amount} {sale.currency} end?
        </h2>
        <p>What you say here is final. Look at the terminal or ask the acquirer first.</p>
        <fieldset>
          <legend>The outcome</legend>
          <label>
            <input type="radio" name="outcome" required onChange={() => setOutcome('approved')} /> It was
            charged
          </label>
          <label>
            <input type="radio" name="outcome" required onChange={() => setOutcome('not-charged')} /> It was
            not charged
          </label>
        </fieldset>
        <label>
          Your name
          <input
            required
            maxLength={64}
            autocomplete="name"
            value={by}
            onInput={(event) => setBy(event.currentTarget.value)}
          />
        </label>
        {fault !== '' && (
          <p class="fault" role="alert">
            {fault}
          </p>
        )}
        <div class="do">
          <button type="button" onClick={close}>
            Cancel
          </button>
          <button type="submit" class="primary" disabled={outcome === undefined || by.trim() === ''}>
            Settle
          </button>
        </div>
      </form>
    </dialog>
  );
}
