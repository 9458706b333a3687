import { useLayoutEffect } from 'preact/hooks';

/** What a key on a real keyboard stands for. */
export type Command =
  | { readonly press: '0' | '1' | '2' | '3' | '4' | '5' | '6' | '7' | '8' | '9' | 'clear' | 'stop' | 'ok' }
  | { readonly choose: 'tap' | 'insert' | 'next-card' | 'tear' | 'accept' | 'refuse' };

export const SHORTCUTS: readonly { readonly keys: readonly string[]; readonly meaning: string }[] = [
  { keys: ['0 – 9'], meaning: 'Digits' },
  { keys: ['Enter'], meaning: 'OK' },
  { keys: ['Esc'], meaning: 'Stop' },
  { keys: ['Backspace'], meaning: 'Clear' },
  { keys: ['C'], meaning: 'Next card' },
  { keys: ['T'], meaning: 'Tap the card' },
  { keys: ['I'], meaning: 'Insert or remove the card' },
  { keys: ['Y', 'N'], meaning: 'Accept or refuse the signature' },
  { keys: ['P'], meaning: 'Tear off the receipt' },
];

const LETTERS: Readonly<Record<string, Extract<Command, { choose: string }>['choose']>> = {
  c: 'next-card',
  t: 'tap',
  i: 'insert',
  y: 'accept',
  n: 'refuse',
  p: 'tear',
};

/** Turns keys into commands while `isOn`. A focused button keeps its Enter, a text field everything but Escape. */
export function useKeyboard(isOn: boolean, run: (command: Command) => void): void {
  useLayoutEffect(() => {
    if (!isOn) return undefined;
    const onKeyDown = (event: KeyboardEvent) => {
      const command = commandOf(event);
      if (command === undefined) return;
      event.preventDefault();
      run(command);
    };
    document.addEventListener('keydown', onKeyDown);
    return () => document.removeEventListener('keydown', onKeyDown);
  }, [isOn, run]);
}

function commandOf(event: KeyboardEvent): Command | undefined {
  const { key, target, repeat } = event;
  if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return undefined;
  const element = target instanceof Element ? target : document.body;
  if (element.matches('input[type=text], select')) return key === 'Escape' ? { press: 'stop' } : undefined;
  if (key === 'Enter') return repeat || element.matches('button, summary') ? undefined : { press: 'ok' };
  if (key === 'Backspace') return { press: 'clear' };
  if (repeat) return undefined;
  if (key === 'Escape') return { press: 'stop' };
  if (isDigit(key)) return { press: key };
  const choose = LETTERS[key.toLowerCase()];
  return choose === undefined ? undefined : { choose };
}

function isDigit(key: string): key is '0' | '1' | '2' | '3' | '4' | '5' | '6' | '7' | '8' | '9' {
  return /^[0-9]$/.test(key);
}
