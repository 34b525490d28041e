/** The known word that a mistyped one was most likely meant to be, or null when none is near. */
export function nearest(word: string, known: readonly string[]): string | null {
  const most = word.length <= 4 ? 1 : 2;
  const near = known
    .map((name) => ({ name, distance: editDistance(word, name) }))
    .filter(({ distance }) => distance <= most)
    .sort((a, b) => a.distance - b.distance);
  return near[0]?.name ?? null;
}

/** How many letters have to be put in, taken out, changed, or swapped with their neighbour (optimal string alignment). */
function editDistance(from: string, to: string): number {
  let [before, row] = [[] as number[], Array.from({ length: to.length + 1 }, (_, column) => column)];
  const at = (cells: readonly number[], column: number): number => cells[column] ?? Number.POSITIVE_INFINITY;
  for (let line = 0; line < from.length; line += 1) {
    const next = [line + 1];
    for (let column = 0; column < to.length; column += 1) {
      const same = from[line] === to[column];
      const swapped = column > 0 && from[line] === to[column - 1] && from[line - 1] === to[column];
      next.push(
        Math.min(
          at(next, column) + 1,
          at(row, column + 1) + 1,
          at(row, column) + (same ? 0 : 1),
          swapped ? at(before, column - 1) + 1 : Number.POSITIVE_INFINITY,
        ),
      );
    }
    [before, row] = [row, next];
  }
  return at(row, to.length);
}
