import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import type { ConnectionState } from '../../../page/web/connection.ts';
import type { ScreenAction, ScreenState, TestCard } from '../../screen-model.ts';
import { cardActions } from './card-actions.ts';
import { Cards } from './cards.tsx';
import { Conversation } from './conversation.tsx';
import { type Command, useKeyboard } from './keyboard.ts';
import type { Key } from './keypad.tsx';
import { Messages } from './messages.tsx';
import { Paper } from './paper.tsx';
import { Registers } from './registers.tsx';
import { Shortcuts } from './shortcuts.tsx';
import { Terminal } from './terminal.tsx';
import { useScreen } from './use-screen.ts';

/** Before the terminal has said anything. */
const BEFORE: ScreenState = {
  stage: 'idle',
  lines: [],
  cards: [],
  isInteractive: true,
  receipts: [],
  registers: [],
};

const CONNECTION_TEXTS: Readonly<Record<ConnectionState, string>> = {
  connecting: 'Connecting …',
  open: 'Connected',
  lost: 'Disconnected, trying again …',
};

const TEAR: ScreenAction = { do: 'tear-receipt' };

export function App() {
  const { connection, state = BEFORE, messages, act } = useScreen();
  const [cardId, setCardId] = useState<string>();
  const [draft, setDraft] = useState<string>();
  const [hasShortcuts, setShortcuts] = useState(true);
  const terminal = useRef<HTMLElement>(null);
  const { stage, cards, isInteractive } = state;
  const card = cards.find(({ id }) => id === cardId) ?? cards[0];
  const isOff = connection !== 'open';

  useEffect(() => setDraft(undefined), [stage]);
  useEffect(() => {
    document.title = connection === 'lost' ? 'Disconnected · Simulated terminal' : titleOf(state);
  }, [state, connection]);

  const press = (key: Key) => {
    const hasDraft = stage === 'text-input' && draft !== undefined;
    if (hasDraft && key !== 'ok' && key !== 'stop') {
      setDraft(key === 'clear' ? draft.slice(0, -1) : draft + key);
      return;
    }
    act(hasDraft && key === 'ok' ? { do: 'text', text: draft } : { do: 'key', key });
    setDraft(undefined);
  };

  const choose = (what: Extract<Command, { choose: string }>['choose']) => {
    if (what === 'next-card') {
      if (isInteractive && card !== undefined) setCardId(after(cards, card)?.id);
      return;
    }
    const { tap, insert, remove } = cardActions(state, card);
    const action = { tap, insert: insert ?? remove, ...signatureActions(state), tear: TEAR }[what];
    if (action !== undefined) act(action);
  };

  // The listener stays the same from drawing to drawing and runs what the newest one says.
  const latest = useRef<(command: Command) => void>(() => {});
  latest.current = (command) => ('press' in command ? press(command.press) : choose(command.choose));
  const run = useCallback((command: Command) => latest.current(command), []);
  useKeyboard(hasShortcuts, run);

  return (
    <>
      <Header connection={connection} isInteractive={isInteractive} />
      <main class={isOff ? 'off' : undefined}>
        <div class="counter">
          <Cards
            cards={cards}
            selected={card}
            isInteractive={isInteractive}
            select={({ id }) => setCardId(id)}
          />
          <Terminal
            state={state}
            card={card}
            connection={connection}
            draft={draft}
            setDraft={setDraft}
            act={act}
            press={press}
            focusRef={terminal}
          />
          <Paper receipts={state.receipts} isOff={isOff} tear={() => act(TEAR)} />
        </div>
        <div class="panels">
          <Registers registers={state.registers} />
          <Conversation messages={messages} />
          <Messages messages={messages} />
        </div>
        <Shortcuts isOn={hasShortcuts} toggle={() => setShortcuts(!hasShortcuts)} />
      </main>
    </>
  );
}

function Header({ connection, isInteractive }: { connection: ConnectionState; isInteractive: boolean }) {
  return (
    <header class="top">
      <h1>Simulated terminal</h1>
      <p class="mode">{isInteractive ? 'You are the cardholder' : 'Automatic'}</p>
      <p class={`connection ${connection}`} role="status">
        {CONNECTION_TEXTS[connection]}
      </p>
    </header>
  );
}

function titleOf({ amount, lines }: ScreenState): string {
  const parts = [amount && `${amount.text} ${amount.currency}`, lines[0], 'Simulated terminal'];
  return parts.filter((part) => part !== undefined && part !== '').join(' · ');
}

function after(cards: readonly TestCard[], card: TestCard): TestCard | undefined {
  return cards[(cards.indexOf(card) + 1) % cards.length];
}

function signatureActions({ stage }: ScreenState): Record<'accept' | 'refuse', ScreenAction | undefined> {
  const sign = (accepted: boolean): ScreenAction | undefined =>
    stage === 'signature' ? { do: 'sign', accepted } : undefined;
  return { accept: sign(true), refuse: sign(false) };
}
