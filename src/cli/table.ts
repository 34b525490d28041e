import { plain, print } from './server.ts';

/** Prints rows for people, one a line, in columns; the first row is the heading. */
export function printTable(rows: readonly (readonly string[])[]): void {
  const widths = rows.reduce<number[]>(
    (widest, row) => row.map((cell, column) => Math.max(cell.length, widest[column] ?? 0)),
    [],
  );
  for (const row of rows) {
    const cells = row.map((cell, column) => plain(cell).padEnd(widths[column] ?? 0));
    print(cells.join('  ').trimEnd());
  }
}

/** @param at - ms since the epoch; null is shown as nothing */
export function showTime(at: number | null): string {
  return at === null ? '' : new Date(at).toISOString();
}
