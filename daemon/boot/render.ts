/** The two text files that the firmware reads, per board, while the installer is netbooted. Pure. */
import type { Ipv4, Mac, Model } from '../../config/values.ts';
import { INSTALLER_INITRAMFS } from './files.ts';

export function renderConfigTxt(model: Model | undefined): string {
  const lines = [
    '# made by bramble for the installer',
    'arm_64bit=1',
    'enable_uart=1',
    // BCM2712 would take kernel_2712.img by itself; naming it keeps the choice here, where it can be seen.
    `kernel=${isBcm2712(model) ? 'kernel_2712.img' : 'kernel8.img'}`,
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

const isBcm2712 = (model: Model | undefined): boolean => model === 'pi5' || model === 'pi500' || model === 'cm5';
