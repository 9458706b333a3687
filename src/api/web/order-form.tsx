import { useState } from 'preact/hooks';
import type { Kind } from '../shown.ts';
import type { Client, TerminalView } from './client.ts';

interface OrderFormProps {
  readonly client: Client;
  readonly terminals: readonly TerminalView[];
}

/** A sale by hand. The key stays the same until the sale has been made: pressing twice makes one sale. */
export function OrderForm({ client, terminals }: OrderFormProps) {
  const [terminal, setTerminal] = useState('');
  const [kind, setKind] = useState<Kind>('purchase');
  const [amount, setAmount] = useState('');
  const [currency, setCurrency] = useState('EUR');
  const [reference, setReference] = useState('');
  const [key, setKey] = useState(newKey);
  const [fault, setFault] = useState('');
  const [isSending, setIsSending] = useState(false);
  const chosen = terminal === '' ? (terminals[0]?.name ?? '') : terminal;
  const send = async () => {
    setIsSending(true);
    setFault('');
    const more = reference.trim() === '' ? {} : { reference: reference.trim() };
    try {
      await client.sell(
        chosen,
        kind,
        { amount: amount.trim(), currency: currency.trim().toUpperCase(), ...more },
        key,
      );
      setKey(newKey());
      setAmount('');
      setReference('');
    } catch (refused) {
      // The service may have the sale all the same: the same key finds it.
      setFault(refused instanceof Error ? refused.message : String(refused));
      if (refused instanceof TypeError)
        setFault('The service cannot be reached. Press again: it will be the same sale.');
    }
    setIsSending(false);
  };
  return (
    <form
      class="order"
      aria-label="A sale by hand"
      onSubmit={(event) => {
        event.preventDefault();
        if (!isSending) void send();
      }}
    >
      <label>
        Terminal
        <select value={chosen} onChange={(event) => setTerminal(event.currentTarget.value)}>
          {terminals.map(({ name }) => (
            <option key={name}>{name}</option>
          ))}
        </select>
      </label>
      <label>
        What
        <select value={kind} onChange={(event) => setKind(event.currentTarget.value as Kind)}>
          <option value="purchase">Purchase</option>
          <option value="refund">Refund</option>
        </select>
      </label>
      <label>
        Amount
        <input
          required
          inputMode="decimal"
          autocomplete="off"
          placeholder="12.30"
          value={amount}
          onInput={(event) => setAmount(event.currentTarget.value)}
        />
      </label>
      <label>
        Currency
        <input
          required
          maxLength={3}
          autocomplete="off"
          value={currency}
          onInput={(event) => setCurrency(event.currentTarget.value)}
        />
      </label>
      <label class="wide">
        Reference
        <input
          maxLength={128}
          autocomplete="off"
          value={reference}
          onInput={(event) => setReference(event.currentTarget.value)}
        />
      </label>
      <button type="submit" class="primary" disabled={isSending || chosen === ''}>
        {kind === 'purchase' ? 'Charge' : 'Pay back'}
      </button>
      {fault !== '' && (
        <p class="fault" role="alert">
          {fault}
        </p>
      )}
    </form>
  );
}

function newKey(): string {
  // randomUUID is for secure pages only.
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return `page-${[...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('')}`;
}
