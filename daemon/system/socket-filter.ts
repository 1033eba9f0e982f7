/** SO_ATTACH_FILTER, which Node cannot set: perl does it on the same socket. perl-base is on every Debian. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { ok, type Problem, problem, type Result } from '../../config/result.ts';
import { seconds } from '../../config/values.ts';

/** 26: Linux, asm-generic/socket.h. `struct sock_fprog` is a count and, aligned, a pointer. */
const attach = `use Socket; binmode STDIN; local $/; my $code = <STDIN>; open(my $socket, '+<&=', 3) or die "open: $!\\n";
setsockopt($socket, SOL_SOCKET, 26, pack('S x!8 P', length($code) / 8, $code)) or die "setsockopt: $!\\n";`;

const timeout = seconds(10);

/** Replaces the filter of the socket that has this descriptor here. A few tens of milliseconds, ten seconds at the very most. */
export async function attachFilter(fd: number, program: Uint8Array): Promise<Result<void, Problem<'NOT_ATTACHED'>>> {
  try {
    const perl = spawn('perl', ['-e', attach], {
      stdio: ['pipe', 'ignore', 'pipe', fd],
      timeout,
      killSignal: 'SIGKILL',
    });
    let complaint = '';
    perl.stderr?.setEncoding('utf8').on('data', (text: string) => {
      complaint = (complaint + text).slice(0, 200);
    });
    // It may be gone before it has read all.
    perl.stdin?.on('error', () => undefined).end(program);
    const [code] = await once(perl, 'close');
    return code === 0 ? ok(undefined) : problem('NOT_ATTACHED', complaint.trim() || `perl ended with ${code}`);
  } catch (cause) {
    return problem('NOT_ATTACHED', cause instanceof Error ? cause.message : String(cause));
  }
}
