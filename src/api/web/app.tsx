import { useEffect, useState } from 'preact/hooks';
import { OrderForm } from './order-form.tsx';
import { SaleCard } from './sale-card.tsx';
import { SignIn } from './sign-in.tsx';
import { useService } from './use-service.ts';

const CONNECTION_WORDS = {
  connecting: 'Connecting',
  open: 'Live',
  lost: 'Connection lost',
  refused: 'No token',
};

export function App() {
  const { client, connection, sales, terminals, messages, signIn } = useService();
  const [receipt, setReceipt] = useState<readonly string[]>();
  const unknown = sales.filter(({ state }) => state === 'unknown');
  useEffect(() => {
    document.title = unknown.length > 0 ? `(${unknown.length}) Sales` : 'Sales';
  }, [unknown.length]);
  useEffect(() => {
    if (receipt === undefined) return;
    print();
    setReceipt(undefined);
  }, [receipt]);
  const cardOf = (sale: (typeof sales)[number]) => (
    <SaleCard
      key={sale.id}
      client={client}
      sale={sale}
      message={messages.get(sale.terminal)}
      print={setReceipt}
    />
  );
  return (
    <>
      <header class="top">
        <h1>Sales</h1>
        <span class={`connection ${connection}`} role="status">
          {CONNECTION_WORDS[connection]}
        </span>
      </header>
      {connection === 'refused' ? (
        <main>
          <SignIn signIn={signIn} />
        </main>
      ) : (
        <main class={connection === 'lost' ? 'off' : ''}>
          <ul class="terminals" aria-label="Terminals">
            {terminals.map(({ name, state, protocol, place, activity }) => (
              <li key={name} class={state}>
                <strong>{name}</strong> <span class="state">{state.replace('-', ' ')}</span>
                <span class="facts">
                  {protocol} · {place}
                  {activity !== null && ` · ${activity}`}
                </span>
              </li>
            ))}
          </ul>
          <OrderForm client={client} terminals={terminals} />
          {unknown.length > 0 && (
            <section class="unknown" aria-label="Sales that wait for you">
              <h2>Unknown</h2>
              {unknown.map(cardOf)}
            </section>
          )}
          <section class="sales" aria-label="Sales" aria-live="polite">
            {sales.filter(({ state }) => state !== 'unknown').map(cardOf)}
            {sales.length === 0 && <p class="empty">No sale has been made yet.</p>}
          </section>
        </main>
      )}
      {receipt !== undefined && <pre class="paper">{receipt.join('\n')}</pre>}
    </>
  );
}
