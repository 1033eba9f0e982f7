/** A board's boots as the API shows them. Pure. */
import { type Instant, since } from '../../../config/values.ts';
import { isNeeded } from '../../boot/sight.ts';
import { type Boot, type Mark, span } from '../../boot/timeline.ts';
import type { TimelineEntry } from '../../http/wire.ts';
import type { EventRow } from '../../store/store.ts';

const rfc3339 = (moment: Instant): string => new Date(moment).toISOString();

/** The packets of the last boot that was watched, and what became of the board since then; without one, its whole history. */
export function timelineView(rows: readonly EventRow[], boot: Boot | undefined): readonly TimelineEntry[] {
  if (boot !== undefined) return bootView(boot);
  const start = rows[0]?.at;
  return rows
    .filter((row) => row.from !== row.to)
    .map(({ at, to, reason }) => ({
      ...{ at: rfc3339(at), seconds: since(start ?? at, at) / 1000 },
      what: `${to}: ${reason}`,
    }));
}

/** What a healthy boot asks for in vain, and files that it had asked for before it fetched them, are left out. */
export function bootView(boot: Boot): readonly TimelineEntry[] {
  const [start] = boot;
  if (start === undefined) return [];
  const told = new Set(
    boot.flatMap(({ sight }) => (sight.sight === 'fetched' || sight.sight === 'cut' ? [sight.path] : [])),
  );
  const firstAsked = boot.find(({ sight }) => sight.sight === 'asked');
  const isShown = (mark: Mark): boolean => {
    const { sight } = mark;
    if (sight.sight === 'asked') return mark === firstAsked || !told.has(sight.path);
    return sight.sight !== 'missing' || isNeeded(sight.path);
  };
  return boot.filter(isShown).map((mark) => ({
    at: rfc3339(mark.first.at),
    seconds: span(start.first, mark.first) / 1000,
    what: mark === firstAsked ? `first file: ${mark.text}` : repeatedText(mark),
  }));
}

function repeatedText({ text, count, first, last }: Mark): string {
  const time = span(first, last) / 1000;
  return count === 1 ? text : `${text} (${count} times in ${time < 10 ? time.toFixed(1) : Math.round(time)} s)`;
}
