// The table: rows as text for a person.
import { isReached, type Row, type Skipped } from "./figure.ts";
import { whole } from "./measure.ts";

/** A row as it is printed when it has been measured. */
export function formatRow(row: Row | Skipped): string {
  if ("skipped" in row) return `${row.figure}: skipped: ${row.skipped}`;
  return `${row.figure}: ${reachedOf(row)} (goal ${goalOf(row)}) ${verdictOf(row)}; ${row.detail}`;
}

/** All rows under each other. */
export function formatTable(rows: readonly (Row | Skipped)[]): string {
  const lines = rows.map((row) =>
    "skipped" in row
      ? [row.figure, "skipped", "", "", row.skipped]
      : [row.figure, reachedOf(row), goalOf(row), verdictOf(row), row.detail],
  );
  const table = [["figure", "reached", "goal", "", "in figures"], ...lines];
  const widths = [0, 1, 2, 3].map((column) => Math.max(...table.map((line) => line[column]?.length ?? 0)));
  return table
    .map((line) => {
      const cells = line.map((cell, column) => cell.padEnd(widths[column] ?? 0));
      return cells.join("  ").trimEnd();
    })
    .join("\n");
}

function digits(value: number): string {
  return Math.abs(value) >= 100 ? whole(value) : value.toFixed(2);
}

const reachedOf = ({ reached, unit }: Row): string => `${digits(reached)} ${unit}`;

function goalOf({ atLeast, atMost }: Row): string {
  if (atLeast !== undefined) return `>= ${digits(atLeast)}`;
  return atMost === undefined ? "none" : `<= ${digits(atMost)}`;
}

function verdictOf(row: Row): string {
  const reached = isReached(row);
  return reached === null ? "-" : reached ? "ok" : "short";
}
