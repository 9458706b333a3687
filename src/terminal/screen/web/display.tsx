import type { ScreenState, Stage } from '../../screen-model.ts';
import { CheckIcon, ContactlessIcon, CrossIcon, MinusIcon } from './icons.tsx';

type OutcomeKind = NonNullable<ScreenState['lastOutcome']>['kind'];

/** What the display shows of the state. */
export type Shown = Pick<ScreenState, 'stage' | 'lines' | 'amount' | 'entered' | 'lastOutcome'>;

/** What the last transaction came to, while the display is about it or about nothing else. */
export function shownOutcome({ stage, lines, lastOutcome }: Shown): Shown['lastOutcome'] {
  const isShown = stage === 'idle' || stage === 'remove-card' || isItsText(stage, lines, lastOutcome);
  return isShown ? lastOutcome : undefined;
}

function isItsText(stage: Stage, [heading]: readonly string[], outcome: Shown['lastOutcome']): boolean {
  return stage === 'message' && heading === outcome?.text;
}

/** The cardholder's display. It is a live region: screen readers say each change. */
export function Display({ state }: { state: Shown }) {
  const { stage, amount, entered, lines } = state;
  const outcome = shownOutcome(state);
  const [heading, ...rest] = stage === 'remove-card' && outcome ? [outcome.text, ...lines] : lines;
  return (
    <div class="display-text" role="status" aria-atomic="true">
      {amount !== undefined && (
        <p class="amount">
          {amount.text} <span class="currency">{amount.currency}</span>
        </p>
      )}
      <StageMark stage={stage} outcome={outcome?.kind} />
      <p class="heading">{heading}</p>
      {rest.map((line, index) => (
        <p key={index}>{line}</p>
      ))}
      {entered?.kind === 'pin' && <PinDots count={entered.count} />}
      {stage === 'idle' && outcome !== undefined && (
        <p class="outcome">
          <OutcomeIcon kind={outcome.kind} size={18} /> {outcome.text}
        </p>
      )}
    </div>
  );
}

function StageMark({ stage, outcome }: { stage: Stage; outcome: OutcomeKind | undefined }) {
  if (stage === 'wait-card') {
    return (
      <div class="mark mark-card">
        <ContactlessIcon size={56} />
      </div>
    );
  }
  if (stage === 'processing') {
    return (
      <div class="mark mark-processing" aria-hidden="true">
        <span />
        <span />
        <span />
      </div>
    );
  }
  if (stage !== 'idle' && outcome !== undefined) {
    return (
      <div class={`mark mark-outcome ${outcome}`}>
        <OutcomeIcon kind={outcome} size={40} />
      </div>
    );
  }
  return null;
}

function OutcomeIcon({ kind, size }: { kind: OutcomeKind; size: number }) {
  if (kind === 'approved') return <CheckIcon size={size} />;
  return kind === 'declined' ? <CrossIcon size={size} /> : <MinusIcon size={size} />;
}

const USUAL_PIN_DIGITS = 4;

function PinDots({ count }: { count: number }) {
  const places = Array.from({ length: Math.max(USUAL_PIN_DIGITS, count) }, (_, index) => index);
  return (
    <p class="pin">
      <span class="visually-hidden">{count === 1 ? '1 digit entered' : `${count} digits entered`}</span>
      {places.map((place) => (
        <span key={place} class={place < count ? 'dot filled' : 'dot'} aria-hidden="true" />
      ))}
    </p>
  );
}
