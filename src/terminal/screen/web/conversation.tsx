import { useMemo } from 'preact/hooks';
import type { LoggedMessage } from '../../screen-model.ts';
import { exchangesOf } from './exchanges.ts';
import { nameOf } from './registers.tsx';
import { Scroller } from './scroller.tsx';
import { Time } from './time.tsx';

/** The register's side: what it asked and what it was told, newest first. */
export function Conversation({ messages }: { messages: readonly LoggedMessage[] }) {
  const exchanges = useMemo(() => exchangesOf(messages).toReversed(), [messages]);
  return (
    <section class="panel grows" aria-labelledby="conversation-heading">
      <h2 id="conversation-heading">Conversation</h2>
      <Scroller label="Requests and answers, newest first" class="list">
        {exchanges.length === 0 && <p class="note">No register has asked anything yet.</p>}
        <ol class="conversation">
          {exchanges.map(({ number, time, connection, method, amount, steps, answer }) => (
            <li key={number}>
              <p class="asked">
                <span class="method">{method}</span>
                {amount !== undefined && <span class="asked-amount">{amount}</span>}
                <Answer answer={answer} />
              </p>
              <p class="details">
                <Time of={time} /> {nameOf(connection)}
                {steps.length > 0 && <span class="steps">{steps.join(' → ')}</span>}
              </p>
            </li>
          ))}
        </ol>
      </Scroller>
    </section>
  );
}

function Answer({ answer }: { answer: ReturnType<typeof exchangesOf>[number]['answer'] }) {
  if (answer === undefined) return <span class="badge waiting">Waiting</span>;
  return <span class={`badge ${answer.kind}`}>{answer.text}</span>;
}
