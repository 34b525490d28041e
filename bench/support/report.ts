import { cpus } from 'node:os';

export type Row = Readonly<Record<string, string | number>>;

/** Prints a table, and the machine that it is true of. */
export function report(title: string, rows: readonly Row[]): void {
  const [{ model } = { model: 'unknown' }] = cpus();
  process.stdout.write(`\n${title}\n${cpus().length} cores (${model.trim()}), Node ${process.version}\n\n`);
  const columns = Object.keys(rows[0] ?? {});
  const widths = columns.map((name) => Math.max(name.length, ...rows.map((row) => String(row[name] ?? '').length)));
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join(' | ')} |\n`;
  process.stdout.write(line(columns));
  process.stdout.write(line(widths.map((width) => '-'.repeat(width))));
  for (const row of rows) process.stdout.write(line(columns.map((name) => String(row[name] ?? ''))));
}

/** The value below which a share of the values lies. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

export const round = (value: number, digits = 2): number => Number(value.toFixed(digits));
