/** Switches the power of boards: by the owner's program (a PoE switch, a plug), or by hand, which is to say not at all. */
import { ok, type Problem, problem, type Result } from '../../../config/result.ts';
import { type Ipv4, type Mac, seconds } from '../../../config/values.ts';
import type { Shell } from '../../ports.ts';

export type PowerBoard = {
  readonly name: string;
  readonly macs: readonly Mac[];
  readonly address: Ipv4 | undefined;
};
export type PowerState = 'on' | 'off' | 'unknown';
type PowerProblem = Problem<'POWER_COMMAND_FAILED'>;

export type PowerDriver = {
  readonly name: 'manual' | 'command';
  /** Settles once the program is through. `manual`: never asked, and `ok`. */
  readonly switch: (to: 'on' | 'off', board: PowerBoard, signal: AbortSignal) => Promise<Result<void, PowerProblem>>;
  readonly state: (board: PowerBoard, signal: AbortSignal) => Promise<Result<PowerState, PowerProblem>>;
};

/** A switch that is asked over SNMP takes a second, a plug that was asleep a few. */
const LIMIT = seconds(30);
const states: readonly PowerState[] = ['on', 'off', 'unknown'];

/** `COMMAND on|off|state NAME MAC ADDRESS`, without a shell; `-` for what is not known. It ends with 0, or says what is wrong. */
export function powerDriver({
  command,
  shell,
}: {
  readonly command: string | undefined;
  readonly shell: Shell;
}): PowerDriver {
  if (command === undefined)
    return { name: 'manual', switch: async () => ok(undefined), state: async () => ok('unknown') };

  const run = async (
    verb: string,
    { name, macs: [mac], address }: PowerBoard,
    signal: AbortSignal,
  ): Promise<Result<string, PowerProblem>> => {
    const words = [verb, name, mac ?? '-', address ?? '-'];
    const failed = (why: string) => problem('POWER_COMMAND_FAILED', `${command} ${words.join(' ')}: ${why}`);
    try {
      const { code, stdout, stderr } = await shell(command, words, { signal, timeout: LIMIT });
      if (code === 0) return ok(stdout.trim());
      return failed(
        `${code === 124 ? `not through after ${LIMIT / 1000} s` : `ended with ${code}`}${said(stderr, stdout)}`,
      );
    } catch (error) {
      signal.throwIfAborted();
      return failed(error instanceof Error ? error.message : String(error));
    }
  };

  return {
    name: 'command',
    switch: async (to, board, signal) => {
      const end = await run(to, board, signal);
      return end.ok ? ok(undefined) : end;
    },
    state: async (board, signal) => {
      const end = await run('state', board, signal);
      if (!end.ok) return end;
      const word = states.find((one) => one === end.value);
      return word === undefined
        ? problem(
            'POWER_COMMAND_FAILED',
            `${command} state ${board.name}: it has to say on, off or unknown${said(end.value)}`,
          )
        : ok(word);
    },
  };
}

/** Its last line, for people. */
function said(...outputs: readonly string[]): string {
  const text = outputs.find((output) => output.trim() !== '') ?? '';
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is taken out.
  const last = (text.trim().split('\n').at(-1) ?? '').replace(/[\x00-\x1f\x7f]/g, ' ').slice(0, 200);
  return last === '' ? '' : `: ${last}`;
}
