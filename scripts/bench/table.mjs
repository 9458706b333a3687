// Pure: evaluated comparisons in, text out.

/** Three significant digits, no exponent: 0.123, 12.3, 1230. */
export function formatNumber(number) {
  if (number === 0) return '0';
  const decimals = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(number))));
  return number.toFixed(Math.min(decimals, 3));
}

/** The comparisons as one table in Markdown, one line a contestant. */
export function formatTable(evaluations) {
  const head = ['', 'unit', 'median', 'middle half', 'n', 'ratio', 'goal'];
  const rows = evaluations.flatMap((evaluation) => [
    [`**${evaluation.title}**`, evaluation.unit, '', '', '', '', ''],
    ...evaluation.rows.map((row) => lineOf(row, evaluation)),
  ]);
  const cells = [head, ...rows];
  const widths = head.map((_, column) => Math.max(3, ...cells.map((row) => row[column].length)));
  const lines = cells.map(
    (row) => `| ${row.map((cell, column) => cell.padEnd(widths[column])).join(' | ')} |`,
  );
  return [lines[0], `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`, ...lines.slice(1)].join(
    '\n',
  );
}

function lineOf(row, { reference, subject, goal, met }) {
  const spread = row.samples < 2 ? '' : `${formatNumber(row.low)}–${formatNumber(row.high)}`;
  const ratio = row.ratio === undefined || row.name === reference ? '' : `${row.ratio.toFixed(2)} ×`;
  const verdict =
    row.name === subject && met !== undefined ? `${goalText(goal)}: ${met ? 'met' : 'NOT met'}` : '';
  const compared = row.toTwin === undefined ? '' : `${row.toTwin.toFixed(2)} × before`;
  const last = [verdict, compared].filter((text) => text !== '').join(', ');
  return [row.name, '', formatNumber(row.median), spread, `${row.samples}`, ratio, last];
}

function goalText({ atMost, atLeast }) {
  return atMost === undefined ? `≥ ${atLeast}` : `≤ ${atMost}`;
}
