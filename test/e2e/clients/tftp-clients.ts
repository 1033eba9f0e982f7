/** The TFTP clients of Linux systems, and the one from npm. */
import { createRequire } from 'node:module';
import { stage } from '../../support/golden/stage.ts';

export type TftpClient = {
  readonly name: string;
  readonly package: string;
  /** The command that fetches `path` into `target`. */
  readonly fetch: (path: string, target: string) => readonly string[];
};

const tftpUrl = (path: string): string => `tftp://${stage.server}/${path}`;

export function tftpClients(): readonly TftpClient[] {
  const npm = `require(process.argv[1]).createClient({ host: '${stage.server}' })
    .get(process.argv[2], process.argv[3], (error) => { if (error) process.exit(1); })`;
  const atftp = ['atftp', '--option', 'blksize 1024', '--option', 'windowsize 2', '--option', 'tsize 0'];
  const busybox = ['busybox', 'tftp', '-b', '1468', '-g'];
  const script = [process.execPath, '--no-deprecation', '-e', npm, createRequire(import.meta.url).resolve('tftp')];
  return [
    {
      name: 'tftp-hpa',
      package: 'tftp-hpa',
      fetch: (path, target) => ['tftp', '-m', 'binary', stage.server, '-c', 'get', path, target],
    },
    {
      name: 'atftp',
      package: 'atftp',
      fetch: (path, target) => [...atftp, '-g', '-r', path, '-l', target, stage.server],
    },
    {
      name: 'curl',
      package: 'curl',
      fetch: (path, target) => ['curl', '-sS', '--max-time', '60', '-o', target, tftpUrl(path)],
    },
    {
      name: 'busybox',
      package: 'busybox-static',
      fetch: (path, target) => [...busybox, '-l', target, '-r', path, stage.server],
    },
    { name: 'npm-tftp', package: 'tftp', fetch: (path, target) => [...script, path, target] },
  ];
}
