/**
 * Runs contestants in turn, another one first each round, so that whatever else the machine does hits all of them. A
 * contestant is a function that resolves with its figures by name; answers the samples as `metric → contestant → numbers`.
 * Warm-up rounds are thrown away.
 */
export async function interleave(contestants, { rounds, warmUp = 1 }) {
  const names = Object.keys(contestants);
  const metrics = {};
  for (let round = -warmUp; round < rounds; round += 1) {
    for (let turn = 0; turn < names.length; turn += 1) {
      const name = names[(turn + round + warmUp) % names.length];
      const figures = await contestants[name]();
      if (round < 0) continue;
      for (const [metric, figure] of Object.entries(figures)) {
        metrics[metric] ??= Object.fromEntries(names.map((each) => [each, []]));
        metrics[metric][name].push(figure);
      }
    }
  }
  return metrics;
}
