import { type Colour, harmless, type Paint } from './terminal.ts';

export type Column<Row> = {
  /** Upper case. */
  readonly title: string;
  readonly text: (row: Row) => string;
  readonly colour?: (row: Row) => Colour | undefined;
};

const gap = '  ';

/** Lines of columns; the last column is cut so that a line fits `width` (0: as long as it likes). */
export function table<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  { width, paint }: { readonly width: number; readonly paint: Paint },
): string {
  const cells = rows.map((row) => columns.map((column) => harmless(column.text(row)) || '–'));
  const widths = columns.map((column, index) =>
    Math.max(column.title.length, ...cells.map((line) => line[index]?.length ?? 0)),
  );
  const line = (texts: readonly string[], row: Row | undefined): string => {
    let used = 0;
    const parts = texts.map((text, index) => {
      const last = index === texts.length - 1;
      const shown = last && width > 0 ? cut(text, width - used) : last ? text : text.padEnd(widths[index] ?? 0);
      used += shown.length + gap.length;
      return row === undefined ? shown : paint(shown, columns[index]?.colour?.(row));
    });
    return `${parts.join(gap).trimEnd()}\n`;
  };
  const head = line(
    columns.map(({ title }) => title),
    undefined,
  );
  return head + rows.map((row, index) => line(cells[index] ?? [], row)).join('');
}

/** With an ellipsis where something is missing; at least one character. */
export const cut = (text: string, width: number): string =>
  text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}…`;

/** Lines of at most `width`, at least one; a word that is longer is broken, and nothing is left out. */
export function wrapped(text: string, width: number): readonly string[] {
  const room = Math.max(1, width);
  const lines: string[] = [];
  let rest = text.trim();
  while (rest.length > room) {
    const space = rest.lastIndexOf(' ', room);
    const end = space > 0 ? space : room;
    lines.push(rest.slice(0, end).trimEnd());
    rest = rest.slice(end).trimStart();
  }
  return [...lines, rest];
}
