/** Every client whose exchange with our servers is a golden file. */
import { dhcpClients, npmDhcp } from '../../support/dhcp-clients.ts';
import { stage } from '../../support/golden/stage.ts';
import { recordDhcp } from './record-dhcp.ts';
import { recordIpxe, recordUBoot } from './record-guest.ts';
import { mdnsClients, recordMdns } from './record-mdns.ts';
import { recordTftp } from './record-tftp.ts';
import type { Record } from './recording.ts';
import { tftpClients } from './tftp-clients.ts';

export const recordings: readonly { readonly client: string; readonly record: Record }[] = [
  ...[...dhcpClients, npmDhcp].map((client) => ({ client: client.name, record: recordDhcp(client) })),
  ...tftpClients().map((client) => ({ client: client.name, record: recordTftp(client) })),
  ...mdnsClients({ name: stage.mdns.boards[0].name, plainName: stage.mdns.boards[1].name }).map((client) => ({
    client: client.name,
    record: recordMdns(client),
  })),
  { client: 'u-boot', record: recordUBoot },
  { client: 'ipxe', record: recordIpxe },
];
