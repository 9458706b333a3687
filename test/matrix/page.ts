import { CASES, ENDS, type Expected, PROTOCOLS } from './table.ts';

/** What stands in a cell of docs/matrix.md. */
function cellOf(expected: Expected): string {
  if (expected === 'cannot') return '–';
  if (expected === 'honest') return 'truth or unknown';
  return expected === 'truth' ? 'truth' : 'yes';
}

/** docs/matrix.md from the table. */
export function matrixPage(): string {
  const names = CASES.map(({ name }) => name);
  const head = `| register | payment end | ${names.join(' | ')} |\n|---|---|${names.map(() => '---').join('|')}|`;
  const rows = PROTOCOLS.flatMap((register) =>
    ENDS.map((end) => {
      const cells = CASES.map((one) => cellOf(one.expected(register, end)));
      return `| ${register.name} | \`${end.name}\` | ${cells.join(' | ')} |`;
    }),
  );
  const cases = CASES.map(({ name, says }) => `| ${name} | ${says} |`);
  const abilities = PROTOCOLS.map(
    ({ name, recovers, refunds, saysAmount }) =>
      `| ${name} | ${word(recovers)} | ${word(refunds)} | ${word(saysAmount)} |`,
  );
  return `# Every register protocol at every payment end

posbridge joins any register protocol that it answers with any payment end: an application behind the channels, the simulated
terminal, or a terminal that speaks a protocol of its own (\`PROTOCOL+ENDPOINT\`). Tests try every pair below with real
processes: our register in front of a bridge, behind it the payment end, and for \`PROTOCOL+\` a second bridge that plays the terminal.
This page and those tests are made from one table, test/matrix/table.ts.

Whatever happens, money moves at most once, and nobody is told anything untrue. What a pair can add to that is this:

| in a cell | means |
|---|---|
| yes | the register is told exactly what happened, at once |
| truth | the register finds out what happened, by itself |
| truth or unknown | a protocol on the way cannot be asked for a lost outcome: the register is told the truth, or that nobody knows |
| – | a protocol on the way has no words for it |

${head}
${rows.join('\n')}

| case | what happens |
|---|---|
${cases.join('\n')}

What a pair can do follows from what its protocols can do:

| protocol | a lost outcome can be asked for | refunds | an approval says how much was taken |
|---|---|---|---|
${abilities.join('\n')}

Less than was asked for is taken by an application or a real terminal only; the simulated one always takes it all.

\`npm test\` tries each pair without faults, and every fault with every register and every payment end, but not all of them with each
pair; \`npm run soak\` tries them all.
`;
}

function word(can: boolean): string {
  return can ? 'yes' : 'no';
}
