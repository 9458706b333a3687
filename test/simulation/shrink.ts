import { type Cast, type Verdict, WHOLE } from './history.ts';

/** However a history resists. */
const ATTEMPTS = 400;

/**
 * The smallest part of a history that still goes wrong in the same way: fewest registers, sales and faults, as far as
 * leaving out one or some of them at a time can find it.
 */
export async function shrink(run: (cast: Cast) => Promise<Verdict>): Promise<Cast> {
  const first = await run(WHOLE);
  const kinds = new Set(first.wrong.map(kindOf));
  let best = { cast: WHOLE, happened: first.happened };
  let attempts = 0;
  const holds = async (cast: Cast): Promise<boolean> => {
    if (attempts >= ATTEMPTS) return false;
    attempts += 1;
    const { wrong, happened } = await run(cast);
    if (!wrong.some((text) => kinds.has(kindOf(text)))) return false;
    best = { cast, happened };
    return true;
  };

  await holds({ ...best.cast, hasClient: false });
  for (const till of [0, 1, 2]) await holds({ ...best.cast, idle: new Set([...best.cast.idle, till]) });
  for (const sales of [1, 2, 3]) if (await holds({ ...best.cast, sales })) break;
  let size = Math.ceil(best.happened.length / 2);
  for (let at = 0; best.happened.length > 0; ) {
    const part = best.happened.slice(at, at + size);
    if (part.length === 0) {
      if (size === 1) break;
      [size, at] = [Math.ceil(size / 2), 0];
    } else if (!(await holds({ ...best.cast, without: new Set([...best.cast.without, ...part]) })))
      at += size;
  }
  return best.cast;
}

/** What went wrong, whoever it happened to and however long it took. */
function kindOf(text: string): string {
  return text.replace(/[\w.:/-]*\d[\w.:/-]*/g, '#');
}

/**
 * The lines of a story that a person needs: what was said of the sales that it is about, and what went wrong meanwhile.
 */
export function shortStory({ story, wrong }: Verdict): string[] {
  const keys = story.flatMap((line) =>
    [...line.matchAll(/(?:Purchase|Check) (\S*:\S+\/\S*)/g)].map(([, key = '']) => key),
  );
  const concerned = [...new Set(keys)].filter((key) => wrong.some((text) => text.includes(key)));
  const isTold = (line: string) =>
    concerned.some((key) => line.includes(key)) ||
    /:\s+(?:\| (?:warn|error)|starts|exits|is killed|stands still|SIG|power cut|the (?:connection|faults)|E[A-Z]+:)/.test(
      line,
    );
  const lines = story.filter(isTold).map((line) => line.slice(0, 200));
  const most = 60;
  return lines.length <= most
    ? lines
    : [...lines.slice(0, most - 10), `… ${lines.length - most} lines …`, ...lines.slice(-10)];
}

/** The options that bring a history about again. */
export function optionsOf(seed: string, { without, idle, sales, hasClient }: Cast): string {
  return [
    `--seed ${seed}`,
    ...(without.size > 0 ? [`--without ${[...without].join(',')}`] : []),
    ...(idle.size > 0 ? [`--idle ${[...idle].join(',')}`] : []),
    ...(sales < Infinity ? [`--sales ${sales}`] : []),
    ...(hasClient ? [] : ['--no-client']),
  ].join(' ');
}
