import { join } from 'node:path';
import { type Datagram, datagramsOf, startCapture } from '../../support/capture.ts';
import { describeTftp } from '../../support/golden/describe.ts';
import { stage } from '../../support/golden/stage.ts';
import { printExchange } from '../../support/golden/text.ts';
import { exchangeOf, madeBy, type Record, serveTftp, versionOf } from './recording.ts';
import type { TftpClient } from './tftp-clients.ts';

export function recordTftp(client: TftpClient): Record {
  return async ({ lan, master, folder }) => {
    const host = await lan.addHost({ name: 'pi1', mac: stage.mac, address: `${stage.dhcp.address}/${stage.prefix}` });
    await serveTftp(master, folder);
    const wire = await startCapture(master, `udp and host ${stage.dhcp.address}`);
    const target = join(folder, 'fetched');
    await host.exec(client.fetch('bootsig.bin', target));
    const { code, stderr } = await host.exec(client.fetch(stage.tftp.file, target));
    if (code !== 0) throw new Error(`${client.name}: ${stderr}`);
    const seen = await wire.until((frames) => wholeTransfer(datagramsOf(frames)));
    const head = [`${await versionOf(client)}: a file that is not there, and one of 1600 bytes`, ...madeBy];
    return [{ protocol: 'tftp', text: printExchange(head, exchangeOf(seen), describeTftp) }];
  };
}

/** Up to the acknowledgement of the last block. */
export function wholeTransfer(datagrams: readonly Datagram[]): readonly Datagram[] | undefined {
  const block = ({ payload }: Datagram): number => (payload[2] ?? 0) * 256 + (payload[3] ?? 0);
  const data = new Map(
    datagrams.filter(({ payload }) => payload[1] === 3).map((one) => [block(one), one.payload.length - 4]),
  );
  const bytes = data.values().reduce((sum, length) => sum + length, 0);
  if (bytes < stage.tftp.content.length) return undefined;
  const last = Math.max(...data.keys());
  const end = datagrams.findIndex((one) => one.payload[1] === 4 && block(one) === last);
  return end < 0 ? undefined : datagrams.slice(0, end + 1);
}
