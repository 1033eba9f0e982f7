/** Programs of this machine: systemd and ip. */
import { execFile } from 'node:child_process';

export type Ran = { readonly code: number; readonly stdout: string; readonly stderr: string };

/** Without a shell, to its end; 127 if it cannot be started, 137 after a minute. */
export const runProgram = (program: string, ...args: readonly string[]): Promise<Ran> =>
  new Promise((resolve) => {
    const options = { timeout: 60_000, killSignal: 'SIGKILL', maxBuffer: 2 ** 20 } as const;
    execFile(program, args, options, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : error.killed === true ? 137 : 127;
      resolve({ code, stdout, stderr: stderr || (error?.message ?? '') });
    });
  });

export type UnitFacts = {
  /** systemd knows it: its file may be anywhere. */
  readonly isLoaded: boolean;
  readonly isEnabled: boolean;
  /** `active`, `activating`, `inactive`, `failed` … */
  readonly active: string;
  /** Restarts by itself since it was started. */
  readonly restarts: number;
};

export async function unitFacts(unit: string): Promise<UnitFacts> {
  const wanted = 'LoadState,UnitFileState,ActiveState,NRestarts';
  const { stdout } = await runProgram('systemctl', 'show', `--property=${wanted}`, unit);
  const value = (key: string): string => new RegExp(`^${key}=(.*)$`, 'm').exec(stdout)?.[1] ?? '';
  return {
    isLoaded: value('LoadState') === 'loaded',
    isEnabled: value('UnitFileState').startsWith('enabled'),
    active: value('ActiveState'),
    restarts: Number(value('NRestarts')),
  };
}

/** Of the journal, as the program wrote them. */
export async function lastLines(unit: string, count: number): Promise<string> {
  const { stdout } = await runProgram('journalctl', '--no-pager', '--output=cat', `--lines=${count}`, `--unit=${unit}`);
  return stdout.trimEnd();
}

/** Whether an address is lent for a time only, as a router does it. */
export async function isLent(name: string, address: string): Promise<boolean> {
  const { code, stdout } = await runProgram('ip', '-o', '-4', 'addr', 'show', 'dev', name);
  const line = stdout.split('\n').find((one) => one.includes(` ${address}/`));
  return code === 0 && / dynamic /.test(line ?? '');
}
