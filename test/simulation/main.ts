/** One process that plays histories: one that its arguments name, or pieces that scripts/simulate.mjs asks for. */
import { parseArgs } from 'node:util';
import { type Order, Player } from './piece.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    trace: { type: 'boolean', default: false },
    // What a history that was shrunk has been left.
    without: { type: 'string', default: '' },
    idle: { type: 'string', default: '' },
    sales: { type: 'string', default: 'Infinity' },
    'no-client': { type: 'boolean', default: false },
  },
});

const player = new Player();
const numbers = (list: string) => new Set(list.split(',').filter(Boolean).map(Number));

async function playOne(seed: string): Promise<void> {
  const cast = {
    without: numbers(values.without),
    idle: numbers(values.idle),
    sales: Number(values.sales),
    hasClient: !values['no-client'],
  };
  const { wrong, story, faults, digest } = await player.play(seed, cast, values.trace);
  if (values.trace) console.log(story.join('\n'));
  if (wrong.length > 0) console.log(`seed ${seed}:\n  ${wrong.join('\n  ')}`);
  console.log(`${JSON.stringify(faults)}\ndigest ${digest}`);
  process.exitCode = wrong.length > 0 ? 1 : 0;
}

if (values.seed !== undefined) await playOne(values.seed);
else {
  process.on('message', (order: Order) => {
    player.playAll(order).then(
      (piece) => process.send?.(piece),
      (fault: unknown) => {
        console.error(`from seed ${order.from} on:`, fault);
        process.exit(1);
      },
    );
  });
}
