import { withProgramOf } from './processes.mjs';

/** Another build of ours, `{ name, folder }`: whoever is called `posbridge` has a twin then. */
let rival;

export function setRival(other) {
  rival = other;
}

/** How the twin of a contestant is called; undefined where there is none. */
export function twinOf(name) {
  return rival !== undefined && name.startsWith('posbridge') ? `${name} (${rival.name})` : undefined;
}

/**
 * Runs contestants in turn, another one first each round, so that whatever else the machine does hits all of them. A
 * contestant is a function that resolves with its figures by name; answers the samples as `metric → contestant →
 * numbers`. Warm-up rounds are thrown away. A twin that fails, because it cannot do yet what is measured, is left out.
 */
export async function interleave(contestants, { rounds, warmUp = 1 }) {
  const running = new Map();
  for (const [name, run] of Object.entries(contestants)) {
    running.set(name, run);
    const twin = twinOf(name);
    if (twin !== undefined) running.set(twin, () => withProgramOf(rival.folder, run));
  }
  const metrics = {};
  for (let round = -warmUp; round < rounds; round += 1) {
    const names = [...running.keys()];
    for (let turn = 0; turn < names.length; turn += 1) {
      const name = names[(turn + round + warmUp) % names.length];
      const figures = await running
        .get(name)()
        .catch((fault) => {
          if (name in contestants) throw fault;
          console.error(`bench: ${name} is left out: ${fault.message}`);
          running.delete(name);
          for (const samples of Object.values(metrics)) delete samples[name];
          return {};
        });
      if (round < 0) continue;
      for (const [metric, figure] of Object.entries(figures)) {
        metrics[metric] ??= Object.fromEntries(names.map((each) => [each, []]));
        metrics[metric][name].push(figure);
      }
    }
  }
  return metrics;
}
