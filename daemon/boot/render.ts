/** The two text files that the firmware reads, per board, while the installer is netbooted. Pure. */
import type { Ipv4, Mac } from '../../config/values.ts';
import { INSTALLER_INITRAMFS } from './files.ts';

/** `kernel`: what the kit has for the board (`kernelOf`); the firmware looks for no other one than this. */
export function renderConfigTxt(kernel: string): string {
  const lines = [
    '# made by bramble for the installer',
    'arm_64bit=1',
    'enable_uart=1',
    `kernel=${kernel}`,
    `initramfs ${INSTALLER_INITRAMFS} followkernel`,
  ];
  return `${lines.join('\n')}\n`;
}

/** One line: the firmware takes the first only. `key` is the board's boot key in hex, which everybody hears who hears TFTP. */
export function renderCmdlineTxt(board: {
  readonly mac: Mac;
  readonly server: Ipv4;
  readonly port: number;
  readonly key: string;
}): string {
  const words = [
    'console=serial0,115200',
    'console=tty1',
    'panic=10',
    'rdinit=/init',
    `bramble.server=http://${board.server}:${board.port}`,
    `bramble.mac=${board.mac}`,
    `bramble.key=${board.key}`,
  ];
  return `${words.join(' ')}\n`;
}
