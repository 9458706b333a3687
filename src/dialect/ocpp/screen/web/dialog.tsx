import { useEffect, useRef, useState } from 'preact/hooks';
import type { OperatorAction } from '../protocol.ts';
import type { Question } from './question.ts';

interface DialogProps {
  readonly question: Question;
  /** Undefined: no. */
  readonly answer: (action: OperatorAction | undefined) => void;
}

/** Asks before anything is done to a charge point. */
export function Dialog({ question: { title, text, action, wantsTag = false }, answer }: DialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [tag, setTag] = useState('');
  useEffect(() => dialog.current?.showModal(), []);
  const isReady = !wantsTag || (tag.trim() !== '' && tag.trim().length <= 20);
  const yes = () =>
    answer(wantsTag ? { ...action, payload: { ...action.payload, idTag: tag.trim() } } : action);
  return (
    <dialog ref={dialog} aria-labelledby="question" onCancel={() => answer(undefined)}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (isReady) yes();
        }}
      >
        <h2 id="question">{title}</h2>
        <p>{text}</p>
        {wantsTag && (
          <label>
            Tag of who charges
            <input
              maxLength={20}
              value={tag}
              onInput={(event) => setTag(event.currentTarget.value)}
              autocomplete="off"
            />
          </label>
        )}
        <div class="do">
          <button type="button" onClick={() => answer(undefined)}>
            Cancel
          </button>
          <button type="submit" class="primary" disabled={!isReady}>
            Yes
          </button>
        </div>
      </form>
    </dialog>
  );
}
