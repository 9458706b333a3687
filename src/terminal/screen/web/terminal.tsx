import type { RefObject } from 'preact';
import type { ConnectionState } from '../../../page/web/connection.ts';
import type { ScreenAction, ScreenState, TestCard } from '../../screen-model.ts';
import { cardActions } from './card-actions.ts';
import { InsertedCard } from './cards.tsx';
import { Display, type Shown, shownOutcome } from './display.tsx';
import { ChipIcon, ContactlessIcon } from './icons.tsx';
import { type Key, Keypad } from './keypad.tsx';
import { SignatureKeys, TextField } from './soft-keys.tsx';

export interface TerminalProps {
  readonly state: ScreenState;
  readonly card: TestCard | undefined;
  readonly connection: ConnectionState;
  /** What has been typed into the text field and not been sent; undefined before anything has. */
  readonly draft: string | undefined;
  readonly setDraft: (draft: string) => void;
  readonly act: (action: ScreenAction) => void;
  readonly press: (key: Key) => void;
  /** Takes the focus when a button that had it goes away, so that Enter is OK again. */
  readonly focusRef: RefObject<HTMLElement | null>;
}

const LEDS = [1, 2, 3, 4];

/** In place of what was on the display and is no longer known to be true. */
const WITHOUT_CONNECTION: Readonly<Record<ConnectionState, Shown | undefined>> = {
  connecting: { stage: 'message', lines: ['Connecting …'] },
  open: undefined,
  lost: { stage: 'message', lines: ['No connection', 'Looking for the terminal …'] },
};

export function Terminal({ state, card, connection, draft, setDraft, act, press, focusRef }: TerminalProps) {
  const { stage, insertedCard, cards, isInteractive } = state;
  const isOff = connection !== 'open';
  const inserted = cards.find(({ id }) => id === insertedCard);
  const { tap, insert, remove } = cardActions(state, card);
  const play = (action: ScreenAction | undefined) => {
    if (action !== undefined) act(action);
    focusRef.current?.focus();
  };
  return (
    <section
      class="terminal"
      aria-label="Terminal"
      tabIndex={-1}
      ref={focusRef}
      data-stage={isOff ? 'off' : stage}
      data-outcome={isOff ? undefined : shownOutcome(state)?.kind}
    >
      <div class="device">
        <button
          type="button"
          class="contactless"
          disabled={isOff || tap === undefined}
          onClick={() => play(tap)}
        >
          <ContactlessIcon size={28} />
          <span>Tap card</span>
          <span class="leds" aria-hidden="true">
            {LEDS.map((led) => (
              <span key={led} class="led" />
            ))}
          </span>
        </button>
        <div class="display">
          {state.link !== undefined && !isOff && <StatusBar link={state.link} />}
          <Display state={WITHOUT_CONNECTION[connection] ?? state} />
          {stage === 'text-input' && (
            <TextField
              state={state}
              draft={draft}
              setDraft={setDraft}
              isOff={isOff || !isInteractive}
              press={press}
            />
          )}
          {stage === 'signature' && <SignatureKeys isOff={isOff || !isInteractive} act={play} />}
        </div>
        <Keypad isOff={isOff} press={press} />
        <button
          type="button"
          class="slot"
          disabled={isOff || (insert ?? remove) === undefined}
          onClick={() => play(insert ?? remove)}
        >
          <ChipIcon size={20} />
          <span>{insertedCard === undefined ? 'Insert card' : 'Remove card'}</span>
        </button>
      </div>
      {inserted !== undefined && <InsertedCard card={inserted} />}
    </section>
  );
}

/** The icons are files: who runs the terminal may have others. */
function StatusBar({ link: { isConnected, place } }: { link: NonNullable<ScreenState['link']> }) {
  const text = isConnected ? 'Connected to the broker' : 'Not connected to the broker';
  const file = isConnected ? 'wbs_connected.png' : 'wbs_disconnected.png';
  return (
    <div class="status-bar">
      <img src={file} alt={text} title={`${text} (${place})`} width={24} height={24} />
    </div>
  );
}
