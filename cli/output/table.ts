import { type Colour, harmless, type Paint } from './terminal.ts';

export type Column<Row> = {
  /** Upper case. */
  readonly title: string;
  readonly text: (row: Row) => string;
  readonly colour?: (row: Row) => Colour | undefined;
  /** So few characters do where room is short. */
  readonly least?: number;
};

const gap = '  ';
/** Of the last column, before others give way to it. */
const LAST_LEAST = 16;

/** Lines of columns; the last one is cut so that a line fits `width` (0: as long as it likes), and those with `least` give way to it. */
export function table<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  { width, paint }: { readonly width: number; readonly paint: Paint },
): string {
  const cells = rows.map((row) => columns.map((column) => harmless(column.text(row)) || '–'));
  const needed = columns.map((column, index) =>
    Math.max(column.title.length, ...cells.map((line) => line[index]?.length ?? 0)),
  );
  const widths = width === 0 ? needed : fitted(needed, columns, width);
  const line = (texts: readonly string[], row: Row | undefined): string => {
    let used = 0;
    const parts: string[] = [];
    for (const [index, text] of texts.entries()) {
      const room = width === 0 ? Number.POSITIVE_INFINITY : width - used;
      if (room <= 0) break;
      const last = index === texts.length - 1;
      const short = last ? text : cutInside(text, widths[index] ?? 0).padEnd(widths[index] ?? 0);
      const shown = cut(short, room);
      used += shown.length + gap.length;
      parts.push(row === undefined ? shown : paint(shown, columns[index]?.colour?.(row)));
    }
    return `${parts.join(gap).trimEnd()}\n`;
  };
  const head = line(
    columns.map(({ title }) => title),
    undefined,
  );
  return head + rows.map((row, index) => line(cells[index] ?? [], row)).join('');
}

/** The widths with which the last column has some room, as far as the others can give way. */
function fitted(needed: readonly number[], columns: readonly Column<never>[], width: number): readonly number[] {
  const lines = needed.reduce((sum, one) => sum + one + gap.length, -gap.length);
  const last = needed.at(-1) ?? 0;
  let missing = lines - last + Math.min(last, LAST_LEAST) - width;
  return needed.map((one, index) => {
    const least = columns[index]?.least;
    if (least === undefined || missing <= 0) return one;
    const given = Math.min(missing, Math.max(0, one - least));
    missing -= given;
    return one - given;
  });
}

/** Names that are long differ at their end. */
const cutInside = (text: string, width: number): string => {
  if (text.length <= width) return text;
  const tail = Math.floor(Math.max(0, width - 1) / 2);
  return `${text.slice(0, Math.max(0, width - 1 - tail))}…${tail === 0 ? '' : text.slice(-tail)}`;
};

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
