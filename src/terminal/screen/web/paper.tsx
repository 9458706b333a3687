import { useEffect, useState } from 'preact/hooks';
import type { ScreenState } from '../../screen-model.ts';
import { Scroller } from './scroller.tsx';

const LINE_MS = 45;
/** A long print is done after about this many steps. */
const MAX_STEPS = 30;

/** The papers that have come out of the printer, cut apart, newest line at the bottom. */
export function Paper({
  receipts,
  isOff,
  tear,
}: {
  receipts: ScreenState['receipts'];
  isOff: boolean;
  tear: () => void;
}) {
  const count = receipts.flat().length;
  const shown = useGrowth(count);
  const isEmpty = shown === 0;
  return (
    <section class="printer" aria-labelledby="receipt-heading">
      <header>
        <h2 id="receipt-heading">Receipt</h2>
        <button type="button" class="plain" disabled={isOff || count === 0} onClick={tear}>
          Tear off
        </button>
      </header>
      <Scroller label="Paper" class="paper-path" endOf={shown}>
        {isEmpty ? (
          <p class="note">Nothing printed yet.</p>
        ) : (
          <div class="paper-shadow">
            {beginning(receipts, shown).map((lines, paper) => (
              <div key={paper} class="paper">
                {lines.map((line, index) => (
                  <div key={index} class="paper-line">
                    {line === '' ? '\u00a0' : line}
                  </div>
                ))}
              </div>
            ))}
          </div>
        )}
      </Scroller>
      <div class="printer-mouth" aria-hidden="true" />
    </section>
  );
}

/** The first `count` lines, on the papers they are on. */
function beginning(receipts: ScreenState['receipts'], count: number): ScreenState['receipts'] {
  let left = count;
  const papers = receipts.map((lines) => {
    const part = lines.slice(0, left);
    left -= part.length;
    return part;
  });
  return papers.filter(({ length }) => length > 0);
}

/** How many of `count` lines have come out so far: one after the other, or all at once for who wants less motion. */
function useGrowth(count: number): number {
  const [shown, setShown] = useState(0);
  useEffect(() => {
    if (shown === count) return undefined;
    if (shown > count || matchMedia('(prefers-reduced-motion: reduce)').matches) {
      setShown(count);
      return undefined;
    }
    const next = shown + Math.ceil((count - shown) / MAX_STEPS);
    const timer = setTimeout(() => setShown(next), LINE_MS);
    return () => clearTimeout(timer);
  }, [shown, count]);
  return Math.min(shown, count);
}
