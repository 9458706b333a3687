import { useState } from 'preact/hooks';
import { CHANNEL_NAMES, type ChannelName } from '../../../base/channel-name.ts';
import type { LoggedMessage } from '../../screen-model.ts';
import { gistOf } from './gist.ts';
import { layOutJson } from './json-tokens.ts';
import { nameOf } from './registers.tsx';
import { Time } from './time.tsx';

const EVERY_REGISTER = 'every register';

/** What goes over the channels, newest first, secrets masked. */
export function Messages({ messages }: { messages: readonly LoggedMessage[] }) {
  const [hidden, setHidden] = useState<readonly ChannelName[]>([]);
  const [register, setRegister] = useState<string>();
  const connections = [...new Set(messages.map(({ connection }) => connection))];
  const shown = messages.filter(
    ({ channel, connection }) =>
      !hidden.includes(channel) && (register === undefined || connection === register),
  );
  const toggle = (channel: ChannelName) =>
    setHidden(hidden.includes(channel) ? hidden.filter((each) => each !== channel) : [...hidden, channel]);
  return (
    <section class="panel grows most" aria-labelledby="messages-heading">
      <div class="filters">
        <h2 id="messages-heading">Messages</h2>
        <select
          aria-label="Register"
          value={register === undefined ? EVERY_REGISTER : `=${register}`}
          onChange={({ currentTarget: { value } }) =>
            setRegister(value === EVERY_REGISTER ? undefined : value.slice(1))
          }
        >
          <option value={EVERY_REGISTER}>Every register</option>
          {connections.map((connection) => (
            <option key={connection} value={`=${connection}`}>
              {nameOf(connection)}
            </option>
          ))}
        </select>
      </div>
      <fieldset class="channels">
        <legend class="visually-hidden">Channels</legend>
        {CHANNEL_NAMES.map((channel) => (
          <button
            key={channel}
            type="button"
            class={`chip channel-${channel}`}
            aria-pressed={!hidden.includes(channel)}
            onClick={() => toggle(channel)}
          >
            {channel}
          </button>
        ))}
      </fieldset>
      <div class="list">
        {shown.length === 0 && <p class="note">No messages.</p>}
        <ol class="messages">
          {shown.toReversed().map((message) => (
            <Message key={message.number} message={message} />
          ))}
        </ol>
      </div>
    </section>
  );
}

function Message({ message }: { message: LoggedMessage }) {
  const [isOpen, setOpen] = useState(false);
  const { time, channel, connection, direction, kind, method, text } = message;
  return (
    <li>
      <details onToggle={(event) => setOpen(event.currentTarget.open)}>
        <summary>
          <Time of={time} />
          <span class={`channel channel-${channel}`}>{channel}</span>
          <span class={`direction ${direction}`}>
            <span aria-hidden="true">{direction === 'in' ? '→' : '←'}</span>
            <span class="visually-hidden">{direction === 'in' ? 'to the terminal' : 'to the register'}</span>
          </span>
          <span class="method">{method}</span>
          <span class="gist">{gistOf(message)}</span>
          <span class={`kind ${kind}`}>{kind}</span>
        </summary>
        {isOpen && (
          <>
            <p class="details">{nameOf(connection)}</p>
            <Json text={text} />
          </>
        )}
      </details>
    </li>
  );
}

function Json({ text }: { text: string }) {
  return (
    <pre class="json">
      {layOutJson(text).map(({ kind, text: piece }, index) => (
        <span key={index} class={`json-${kind}`}>
          {piece}
        </span>
      ))}
    </pre>
  );
}
