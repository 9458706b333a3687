import type { ScreenAction } from '../../screen-model.ts';
import { BackIcon, CrossIcon, RingIcon } from './icons.tsx';

export type Key = Extract<ScreenAction, { do: 'key' }>['key'];

const DIGITS = ['1', '2', '3', '4', '5', '6', '7', '8', '9', '0'] as const;
const COMMANDS = [
  { key: 'stop', label: 'Stop', icon: <CrossIcon /> },
  { key: 'clear', label: 'Clear', icon: <BackIcon /> },
  { key: 'ok', label: 'OK', icon: <RingIcon /> },
] as const;

export function Keypad({ isOff, press }: { isOff: boolean; press: (key: Key) => void }) {
  return (
    <fieldset class="keypad" disabled={isOff}>
      <legend class="visually-hidden">Keypad</legend>
      {DIGITS.map((digit) => (
        <button key={digit} type="button" class={`key digit digit-${digit}`} onClick={() => press(digit)}>
          {digit}
        </button>
      ))}
      {COMMANDS.map(({ key, label, icon }) => (
        <button key={key} type="button" class={`key command ${key}`} onClick={() => press(key)}>
          {icon}
          <span>{label}</span>
        </button>
      ))}
    </fieldset>
  );
}
