/** Rows of cells as lines, every column as wide as its widest cell. */
export function columns(table: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const row of table) {
    for (const [column, { length }] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, length);
  }
  return table.map((row) =>
    row
      .map((text, column) => text.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}
