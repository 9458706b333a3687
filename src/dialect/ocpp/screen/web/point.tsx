import type { OperatorCall, ShownConnector, ShownPoint } from '../protocol.ts';
import type { Question } from './question.ts';
import { Since } from './since.tsx';

/** What can be done with a charge point as a whole. */
const WHOLE: readonly {
  readonly label: string;
  readonly action: OperatorCall;
  readonly payload: Question['action']['payload'];
  readonly title: string;
  /** What the charge point does. */
  readonly what: string;
}[] = [
  {
    label: 'Refresh',
    action: 'TriggerMessage',
    payload: { requestedMessage: 'StatusNotification' },
    title: 'Ask for its status?',
    what: 'reports the status of every connector.',
  },
  {
    label: 'Restart',
    action: 'Reset',
    payload: { type: 'Soft' },
    title: 'Restart this charge point?',
    what: 'ends what is charging and restarts.',
  },
  {
    label: 'Hard restart',
    action: 'Reset',
    payload: { type: 'Hard' },
    title: 'Restart this charge point the hard way?',
    what: 'restarts at once, as after a power cut.',
  },
];

interface PointProps {
  readonly point: ShownPoint;
  readonly ask: (question: Question) => void;
  readonly show: (identity: string) => void;
}

/** One charge point: what it is, its connectors, and what can be done with it. */
export function Point({ point, ask, show }: PointProps) {
  const { identity, isOnline, registration, model, firmware, connectors } = point;
  const whole = connectors.find(({ id }) => id === 0);
  const state = !isOnline
    ? 'offline'
    : registration === 'Accepted'
      ? 'online'
      : (registration ?? 'not booted').toLowerCase();
  return (
    <article class={`point ${isOnline ? '' : 'offline'}`} aria-labelledby={`point-${identity}`}>
      <header>
        <h2 id={`point-${identity}`}>{identity}</h2>
        <span class={`badge ${state.replace(' ', '-')}`}>{state}</span>
        <p class="note">
          {model || 'model not known'}
          {firmware === '' ? '' : `, firmware ${firmware}`}
        </p>
      </header>
      {whole !== undefined && whole.errorCode !== 'NoError' && <p class="fault">{whole.errorCode}</p>}
      <ul class="connectors">
        {connectors
          .filter(({ id }) => id > 0)
          .map((connector) => (
            <Connector key={connector.id} point={point} connector={connector} ask={ask} />
          ))}
      </ul>
      <footer>
        {WHOLE.map(({ label, action, payload, title, what }) => (
          <button
            key={label}
            type="button"
            disabled={!isOnline}
            onClick={() =>
              ask({ title, text: `${identity} ${what}`, action: { do: 'call', identity, action, payload } })
            }
          >
            {label}
          </button>
        ))}
        <button type="button" onClick={() => show(identity)}>
          Messages
        </button>
      </footer>
    </article>
  );
}

interface ConnectorProps {
  readonly point: ShownPoint;
  readonly connector: ShownConnector;
  readonly ask: (question: Question) => void;
}

function Connector({ point: { identity, isOnline }, connector, ask }: ConnectorProps) {
  const { id, status, errorCode, transaction } = connector;
  const where = `${identity}, connector ${id}`;
  const call = (
    action: OperatorCall,
    payload: Question['action']['payload'],
    title: string,
    text: string,
    wantsTag = false,
  ) => ask({ title, text, wantsTag, action: { do: 'call', identity, action, payload } });
  const isOut = status === 'Unavailable';
  return (
    <li class={`connector ${status.toLowerCase()}`}>
      <div class="what">
        <span class="number">{id}</span>
        <span class="status">{status}</span>
        {errorCode !== 'NoError' && <span class="fault">{errorCode}</span>}
      </div>
      {transaction !== undefined && (
        <dl class="transaction">
          <div>
            <dt>Energy</dt>
            <dd>
              {transaction.energyWh === undefined ? '…' : `${(transaction.energyWh / 1000).toFixed(2)} kWh`}
            </dd>
          </div>
          <div>
            <dt>Power</dt>
            <dd>{transaction.powerW === undefined ? '…' : `${(transaction.powerW / 1000).toFixed(1)} kW`}</dd>
          </div>
          <div>
            <dt>Since</dt>
            <dd>
              <Since time={transaction.startedAt} />
            </dd>
          </div>
          <div>
            <dt>Transaction</dt>
            <dd>{transaction.id}</dd>
          </div>
        </dl>
      )}
      <div class="do">
        {transaction === undefined ? (
          <button
            type="button"
            class="primary"
            disabled={!isOnline || isOut}
            aria-label={`Start charging: ${where}`}
            onClick={() =>
              call('RemoteStartTransaction', { connectorId: id }, 'Start charging?', `At ${where}.`, true)
            }
          >
            Start
          </button>
        ) : (
          <button
            type="button"
            class="danger"
            disabled={!isOnline}
            aria-label={`Stop charging: ${where}`}
            onClick={() =>
              call(
                'RemoteStopTransaction',
                { transactionId: transaction.id },
                'Stop charging?',
                `Transaction ${transaction.id} at ${where} ends.`,
              )
            }
          >
            Stop
          </button>
        )}
        <button
          type="button"
          disabled={!isOnline}
          aria-label={`Unlock: ${where}`}
          onClick={() =>
            call(
              'UnlockConnector',
              { connectorId: id },
              'Unlock the cable?',
              `At ${where}. What is charging there ends.`,
            )
          }
        >
          Unlock
        </button>
        <button
          type="button"
          disabled={!isOnline}
          aria-label={`${isOut ? 'Put into service' : 'Take out of service'}: ${where}`}
          onClick={() =>
            call(
              'ChangeAvailability',
              { connectorId: id, type: isOut ? 'Operative' : 'Inoperative' },
              isOut ? 'Put into service?' : 'Take out of service?',
              `${where}.`,
            )
          }
        >
          {isOut ? 'In service' : 'Out of service'}
        </button>
      </div>
    </li>
  );
}
