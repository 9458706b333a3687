import { useEffect, useRef } from 'preact/hooks';
import type { ScreenAction, ScreenState } from '../../screen-model.ts';
import type { Key } from './keypad.tsx';

export interface TextFieldProps {
  readonly state: ScreenState;
  readonly draft: string | undefined;
  readonly setDraft: (draft: string) => void;
  readonly isOff: boolean;
  readonly press: (key: Key) => void;
}

/** For a real keyboard; what the keypad has entered shows in it as well. Enter is OK. */
export function TextField({ state, draft, setDraft, isOff, press }: TextFieldProps) {
  const { lines, entered } = state;
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => field.current?.focus(), []);
  return (
    <input
      ref={field}
      class="text-field"
      type="text"
      aria-label={lines[0] ?? 'Text'}
      maxLength={1000}
      autocomplete="off"
      disabled={isOff}
      value={draft ?? (entered?.kind === 'text' ? entered.text : '')}
      onInput={(event) => setDraft(event.currentTarget.value)}
      onKeyDown={(event) => event.key === 'Enter' && !event.isComposing && press('ok')}
    />
  );
}

/** The cashier compares the signature. */
export function SignatureKeys({ isOff, act }: { isOff: boolean; act: (action: ScreenAction) => void }) {
  return (
    <div class="soft-keys">
      <button type="button" disabled={isOff} onClick={() => act({ do: 'sign', accepted: false })}>
        Refuse signature
      </button>
      <button type="button" disabled={isOff} onClick={() => act({ do: 'sign', accepted: true })}>
        Accept signature
      </button>
    </div>
  );
}
