import { useState } from 'preact/hooks';
import type { ShownFrame, ShownPoint } from '../protocol.ts';

const SHOWN = 200;

interface LogProps {
  readonly frames: readonly ShownFrame[];
  readonly points: readonly ShownPoint[];
  readonly onlyOf: string;
  readonly setOnlyOf: (identity: string) => void;
}

/** Messages as they cross, newest first. */
export function Log({ frames, points, onlyOf, setOnlyOf }: LogProps) {
  const [action, setAction] = useState('');
  const actions = [...new Set(frames.map((frame) => frame.action).filter((name) => name !== ''))].sort();
  const shown = frames
    .filter(
      (frame) => (onlyOf === '' || frame.identity === onlyOf) && (action === '' || frame.action === action),
    )
    .slice(-SHOWN)
    .reverse();
  return (
    <section class="log" aria-labelledby="messages">
      <header>
        <h2 id="messages">Messages</h2>
        <label>
          Charge point
          <select value={onlyOf} onChange={(event) => setOnlyOf(event.currentTarget.value)}>
            <option value="">all</option>
            {points.map(({ identity }) => (
              <option key={identity} value={identity}>
                {identity}
              </option>
            ))}
          </select>
        </label>
        <label>
          Action
          <select value={action} onChange={(event) => setAction(event.currentTarget.value)}>
            <option value="">all</option>
            {actions.map((name) => (
              <option key={name} value={name}>
                {name}
              </option>
            ))}
          </select>
        </label>
      </header>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: without it a keyboard cannot scroll here. */}
      <ol tabIndex={0} aria-label="Messages, newest first">
        {shown.map(({ number, at, identity, direction, kind, action: name, text }) => (
          <li key={number} class={kind === 'error' || kind === 'bad' ? 'bad' : ''}>
            <time dateTime={at}>{at.slice(11, 19)}</time>
            <span class="who">{identity}</span>
            <span class={`way ${direction}`}>{direction === 'in' ? 'from' : 'to'}</span>
            <span class="name">{name || kind}</span>
            <code>{text}</code>
          </li>
        ))}
        {shown.length === 0 && <li class="empty">Nothing yet.</li>}
      </ol>
    </section>
  );
}
