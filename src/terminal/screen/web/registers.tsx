import type { RegisterState } from '../../screen-model.ts';
import { Scroller } from './scroller.tsx';

export function Registers({ registers }: { registers: readonly RegisterState[] }) {
  return (
    <section class="panel" aria-labelledby="registers-heading">
      <h2 id="registers-heading">Registers</h2>
      {registers.length === 0 ? (
        <p class="note">No register is connected.</p>
      ) : (
        <Scroller label="Connected registers" class="list">
          <ul class="registers">
            {registers.map(({ connection, peer, activity }) => (
              <li key={connection} class={activity === undefined ? undefined : 'busy'}>
                <span class="register-name">{nameOf(connection)}</span>
                <span class="register-activity">{activity ?? 'Idle'}</span>
                {peer !== '' && <span class="register-peer">from {peer}</span>}
              </li>
            ))}
          </ul>
        </Scroller>
      )}
    </section>
  );
}

/** A connection's name for people: a bridge may give none. */
export function nameOf(connection: string): string {
  return connection === '' ? 'Unnamed register' : connection;
}
