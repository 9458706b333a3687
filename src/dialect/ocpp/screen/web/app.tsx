import { useEffect, useState } from 'preact/hooks';
import type { OperatorState } from '../protocol.ts';
import { Dialog } from './dialog.tsx';
import { Log } from './log.tsx';
import { Point } from './point.tsx';
import type { Question } from './question.ts';
import { useOperator } from './use-operator.ts';

const CONNECTION_WORDS = { connecting: 'Connecting', open: 'Live', lost: 'Connection lost' };

export function App() {
  const { connection, state, frames, act } = useOperator();
  const [question, setQuestion] = useState<Question>();
  const [onlyOf, setOnlyOf] = useState('');
  const points = state?.points ?? [];
  useEffect(() => {
    const charging = points.flatMap(({ connectors }) => connectors).filter(({ transaction }) => transaction);
    document.title = charging.length > 0 ? `Charge points (${charging.length} charging)` : 'Charge points';
  }, [state]);
  return (
    <>
      <header class="top">
        <h1>Charge points</h1>
        <Summary state={state} />
        <span class={`connection ${connection}`} role="status">
          {CONNECTION_WORDS[connection]}
        </span>
      </header>
      {state?.isDatabaseAway === true && (
        <p class="alarm" role="alert">
          The database cannot be written. Charge points are told to try again.
        </p>
      )}
      <main class={connection === 'lost' ? 'off' : ''}>
        <section class="points" aria-label="Charge points">
          {points.map((point) => (
            <Point key={point.identity} point={point} ask={setQuestion} show={setOnlyOf} />
          ))}
          {state !== undefined && points.length === 0 && (
            <p class="empty">
              No charge point has connected yet. Set one to this machine's address, or try{' '}
              <code>posbridge charge-point</code>.
            </p>
          )}
        </section>
        <Outcomes state={state} />
        <Log frames={frames} points={points} onlyOf={onlyOf} setOnlyOf={setOnlyOf} />
      </main>
      {question !== undefined && (
        <Dialog
          question={question}
          answer={(action) => {
            if (action !== undefined) act(action);
            setQuestion(undefined);
          }}
        />
      )}
    </>
  );
}

function Summary({ state }: { readonly state: OperatorState | undefined }) {
  if (state === undefined) return null;
  const { points } = state;
  const running = points
    .flatMap(({ connectors }) => connectors)
    .flatMap(({ transaction }) => transaction ?? []);
  const watts = running.reduce((sum, { powerW = 0 }) => sum + powerW, 0);
  return (
    <dl class="summary">
      <div>
        <dt>Online</dt>
        <dd>
          {points.filter(({ isOnline }) => isOnline).length} of {points.length}
        </dd>
      </div>
      <div>
        <dt>Charging</dt>
        <dd>{running.length}</dd>
      </div>
      <div>
        <dt>Power</dt>
        <dd>{(watts / 1000).toFixed(1)} kW</dd>
      </div>
    </dl>
  );
}

/** What the last calls came to; read out as they come. */
function Outcomes({ state }: { readonly state: OperatorState | undefined }) {
  const outcomes = (state?.outcomes ?? []).slice(-3).reverse();
  return (
    <section class="outcomes" aria-label="Calls" aria-live="polite">
      {outcomes.map(({ number, identity, action, text, isGood }) => (
        <p key={number} class={isGood ? 'good' : 'bad'}>
          <strong>{identity}</strong> {action}: {text}
        </p>
      ))}
    </section>
  );
}
