/** Asks the daemon as a stranger would: in a short-lived process of its own, since what it hears is anybody's. */
import { spawn } from 'node:child_process';
import type { Ipv4 } from '../../config/values.ts';

export type ProbeFacts = {
  /** `master.local:8067`; undefined: nobody was heard. */
  readonly announced: string | undefined;
  readonly file: FileProbe;
};
export type FileProbe =
  | { readonly is: 'fetched'; readonly name: string; readonly bytes: number }
  /** It answered, with an ERROR. */
  | { readonly is: 'refused'; readonly name: string; readonly detail: string }
  | { readonly is: 'silent'; readonly name: string; readonly detail: string }
  | { readonly is: 'not asked' };

/** Milliseconds; the child gives up before. */
const patience = 12_000;
const outputMax = 4096;

/** In the package the child is a file beside this one's bundle. */
const childPath = new URL(import.meta.url.endsWith('.ts') ? './probe-main.ts' : './doctor-probe.js', import.meta.url);

/** `tftp` undefined: no file is asked for. Never rejects but with the signal's reason. */
export async function probeDaemon(
  address: Ipv4,
  tftp: { readonly port: number; readonly file: string } | undefined,
  signal: AbortSignal,
): Promise<ProbeFacts> {
  const wish = JSON.stringify({ address, ...(tftp !== undefined && { tftp }) });
  const output = await new Promise<string>((resolve, reject) => {
    const child = spawn(process.execPath, ['--no-deprecation', childPath.pathname, wish], {
      stdio: ['ignore', 'pipe', 'ignore'],
      timeout: patience,
      killSignal: 'SIGKILL',
      signal,
    });
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      if (text.length < outputMax) text += chunk;
    });
    child.once('error', (error) => (signal.aborted ? reject(signal.reason) : resolve(String(error))));
    child.once('close', () => resolve(text));
  });
  return readProbe(output, tftp?.file);
}

/** What the child printed, a line each; it may have been ended in the middle. Pure. */
export function readProbe(output: string, name: string | undefined): ProbeFacts {
  const line = (word: string): string | undefined => new RegExp(`^${word} (.*)$`, 'm').exec(output)?.[1];
  const announced = line('announced')?.slice(0, 300);
  const [fetched, refused, silent] = [line('fetched'), line('refused'), line('silent')];
  const detail = (text: string): string => text.slice(0, 300);
  if (name === undefined) return { announced, file: { is: 'not asked' } };
  if (fetched !== undefined && /^\d+$/.test(fetched))
    return { announced, file: { is: 'fetched', name, bytes: Number(fetched) } };
  if (refused !== undefined) return { announced, file: { is: 'refused', name, detail: detail(refused) } };
  return { announced, file: { is: 'silent', name, detail: detail(silent ?? 'the client ended') } };
}
