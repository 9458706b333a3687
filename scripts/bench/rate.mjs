/** Milliseconds of each round trip, one after the other, from the first on; `bytes` may be a function of its number. */
export async function oneAtATime(asker, bytes, count) {
  const times = [];
  for (let turn = 0; turn < count; turn += 1) {
    const request = typeof bytes === 'function' ? bytes(turn) : bytes;
    const startMs = performance.now();
    await asker.ask(request, 1);
    times.push(performance.now() - startMs);
  }
  return times;
}

/** Answers a second when `depth` requests are under way at a time; the first tenth warms up and does not count. */
export async function pipelined(asker, bytes, depth, batches) {
  for (let turn = 0; turn < batches / 10; turn += 1) await asker.ask(bytes, depth);
  const startMs = performance.now();
  for (let turn = 0; turn < batches; turn += 1) await asker.ask(bytes, depth);
  return (batches * depth * 1000) / (performance.now() - startMs);
}
