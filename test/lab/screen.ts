/** What `npm start` shows: a table that is redrawn on a terminal, plain lines elsewhere, or JSON. */
import type { Lab, LabBoard, LabEvent } from './lab.ts';
import { milestones } from './timeline.ts';

type Row = Pick<
  LabBoard,
  'label' | 'plan' | 'name' | 'state' | 'address' | 'lastEvent' | 'plugged' | 'timeline' | 'replicas'
>;

const columns = (rows: readonly (readonly string[])[]): readonly string[] => {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
};

const secondsOf = (number: number | undefined): string => (number === undefined ? '-' : `${number.toFixed(1)} s`);

/** Header first; one line a board. Pure. */
export function table(boards: readonly Row[]): readonly string[] {
  const scaled = boards.some(({ replicas }) => replicas !== undefined);
  const header = [
    'BOARD',
    'NAME',
    'MODEL',
    'ADDRESS',
    'STATE',
    ...(scaled ? ['PODS'] : []),
    ...milestones.map((name) => name.toUpperCase()),
    'ON ITS CONSOLE',
  ];
  const rows = boards.map((board) => [
    board.label,
    board.name ?? '-',
    board.plan.model,
    board.address ?? '-',
    board.plugged ? board.state : `${board.state} (cable pulled)`,
    ...(scaled ? [String(board.replicas ?? 0)] : []),
    ...milestones.map((name) => secondsOf(board.timeline[name])),
    consoleLine(board.lastEvent),
  ]);
  return columns([header, ...rows]);
}

function consoleLine(event: LabBoard['lastEvent']): string {
  if (event === undefined) return '';
  const detail = event['line'] ?? event['address'] ?? event['file'] ?? event['reason'] ?? event['kernel'] ?? '';
  return `${event.event} ${String(detail).replace(/^bramble: /, '')}`.trim().slice(0, 60);
}

export type Screen = {
  readonly say: (line: string) => void;
  readonly show: (event: LabEvent) => void;
  /** Of some board. */
  readonly replicas: () => void;
  /** A line was typed: the terminal has put it below what is drawn. */
  readonly typed: () => void;
  /** For good: what follows is written below. */
  readonly finish: () => void;
};

type Output = { readonly write: (text: string) => unknown; readonly isTTY?: boolean; readonly columns?: number };

/** `lab` is asked for its boards at every drawing; it may not be there yet. */
export function openScreen(output: Output, json: boolean, lab: () => Lab | undefined): Screen {
  if (json) return jsonScreen(output, lab);
  return output.isTTY === true ? liveScreen(output, lab) : plainScreen(output, lab);
}

const describe = ({ source, board, event }: LabEvent): Readonly<Record<string, unknown>> => ({
  source,
  board: board?.label,
  name: board?.name,
  ...event,
});

/** How many Pods each board has: `worker-kube1 2, worker-kube2 1`; undefined if that is what was said last. */
function replicasTeller(lab: () => Lab | undefined): () => string | undefined {
  let told: string | undefined;
  return () => {
    const text = (lab()?.boards ?? [])
      .map(({ name, label, replicas }) => `${name ?? label} ${replicas ?? 0}`)
      .join(', ');
    if (text === told) return;
    told = text;
    return text;
  };
}

function jsonScreen(output: Output, lab: () => Lab | undefined): Screen {
  const news = replicasTeller(lab);
  const print = (value: unknown): void => void output.write(`${JSON.stringify(value)}\n`);
  return {
    say: (line) => print({ source: 'lab', line }),
    show: (event) => print(describe(event)),
    replicas: () => {
      const pods = news();
      if (pods !== undefined) print({ source: 'lab', pods });
    },
    typed: () => undefined,
    finish: () => undefined,
  };
}

/** Only what the daemon decided: the boards' own words are too many for a log. */
function plainScreen(output: Output, lab: () => Lab | undefined): Screen {
  const news = replicasTeller(lab);
  return {
    say: (line) => void output.write(`${line}\n`),
    show: (labEvent) => {
      if (labEvent.source !== 'daemon' || labEvent.event.from === labEvent.event.to) return;
      const { board, event } = labEvent;
      const seconds = board === undefined ? '' : secondsOf((Date.parse(event.at) - board.hardware.switchedOn) / 1000);
      output.write(`${seconds.padStart(8)}  ${event.device}  ${event.from} → ${event.to}  ${event.reason}`.trimEnd());
      output.write('\n');
    },
    replicas: () => {
      const pods = news();
      if (pods !== undefined) output.write(`pods: ${pods}\n`);
    },
    typed: () => undefined,
    finish: () => undefined,
  };
}

function liveScreen(output: Output, lab: () => Lab | undefined): Screen {
  let drawn = 0;
  let timer: NodeJS.Timeout | undefined;
  const erase = (): void => {
    if (drawn > 0) output.write(`\x1b[${drawn}A\x1b[J`);
    drawn = 0;
  };
  const draw = (): void => {
    erase();
    const boards = lab()?.boards ?? [];
    if (boards.length === 0) return;
    const lines = table(boards).map((line) => line.slice(0, (output.columns ?? 120) - 1));
    output.write(`${lines.join('\n')}\n`);
    drawn = lines.length;
  };
  const drawSoon = (): void => {
    timer ??= setTimeout(() => {
      timer = undefined;
      draw();
    }, 100);
  };
  return {
    say: (line) => {
      erase();
      output.write(`${line}\n`);
      draw();
    },
    show: drawSoon,
    replicas: drawSoon,
    typed: () => {
      if (drawn > 0) drawn += 1;
    },
    finish: () => {
      clearTimeout(timer);
      draw();
      drawn = 0;
    },
  };
}
