import { SHORTCUTS } from './keyboard.ts';

/** The legend of the keyboard, and the switch that turns it off: single letters disturb some ways of typing. */
export function Shortcuts({ isOn, toggle }: { isOn: boolean; toggle: () => void }) {
  return (
    <section class="shortcuts" aria-labelledby="shortcuts-heading">
      <h2 id="shortcuts-heading">Keyboard</h2>
      <label class="switch">
        <input type="checkbox" checked={isOn} onChange={toggle} />
        Shortcuts
      </label>
      <dl>
        {SHORTCUTS.map(({ keys, meaning }) => (
          <div key={meaning}>
            <dt>
              {keys.map((key) => (
                <kbd key={key}>{key}</kbd>
              ))}
            </dt>
            <dd>{meaning}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}
