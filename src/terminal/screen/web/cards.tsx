import { TEST_PIN } from '../../cards.ts';
import type { TestCard } from '../../screen-model.ts';
import { ChipIcon, ContactlessIcon } from './icons.tsx';

/** Schemes that have a colour of their own. */
const COLOURED = new Set(['visa', 'mastercard', 'american', 'maestro']);

function colourOf({ scheme }: TestCard): string {
  const name = scheme.toLowerCase().split(' ')[0] ?? '';
  return COLOURED.has(name) ? `scheme-${name}` : 'scheme-other';
}

export interface CardsProps {
  readonly cards: readonly TestCard[];
  readonly selected: TestCard | undefined;
  readonly isInteractive: boolean;
  readonly select: (card: TestCard) => void;
}

/** The choice of test cards: radio buttons that look like little cards. */
export function Cards({ cards, selected, isInteractive, select }: CardsProps) {
  return (
    <section class="cards" aria-labelledby="cards-heading">
      <header>
        <h2 id="cards-heading">Test cards</h2>
        {isInteractive && <p class="note">PIN {TEST_PIN}</p>}
      </header>
      {!isInteractive && (
        <p class="note">Cards are played automatically: the amount decides how a payment ends.</p>
      )}
      <fieldset class="card-choice" disabled={!isInteractive}>
        <legend class="visually-hidden">Card to pay with</legend>
        {cards.map((card) => (
          <label key={card.id} class={`card ${colourOf(card)}`}>
            <input
              type="radio"
              name="card"
              class="visually-hidden"
              aria-label={card.name}
              checked={card.id === selected?.id}
              onChange={() => select(card)}
            />
            <CardFace card={card} />
          </label>
        ))}
      </fieldset>
    </section>
  );
}

function CardFace({ card }: { card: TestCard }) {
  const { name, scheme, canInsert, canTap } = card;
  const kind = name.startsWith(scheme) ? name.slice(scheme.length).replace(/^,? /, '') : name;
  return (
    <span class="card-face" aria-hidden="true">
      <span class="card-ways">
        {canInsert && <ChipIcon size={22} />}
        {canTap && <ContactlessIcon size={18} />}
      </span>
      <span class="card-scheme">{scheme}</span>
      <span class="card-kind">{kind}</span>
    </span>
  );
}

/** The card in the chip reader, its lower part sticking out. */
export function InsertedCard({ card }: { card: TestCard }) {
  return (
    <div class={`inserted-card ${colourOf(card)}`} aria-hidden="true">
      {card.scheme}
    </div>
  );
}
