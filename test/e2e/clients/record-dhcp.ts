import { serveDhcp } from '../../integration/dhcp-fixture.ts';
import { datagramsOf, startCapture } from '../../support/capture.ts';
import { type DhcpClient, npmDhcp } from '../../support/dhcp-clients.ts';
import { describeDhcp } from '../../support/golden/describe.ts';
import { stage } from '../../support/golden/stage.ts';
import { printExchange } from '../../support/golden/text.ts';
import { exchangeOf, madeBy, type Record, versionOf } from './recording.ts';

export function recordDhcp(client: DhcpClient): Record {
  return async ({ lan, master, folder }) => {
    const host = await lan.addHost({ name: 'pi1', mac: stage.mac });
    const server = await serveDhcp(master);
    const wire = await startCapture(master, 'udp port 67 or udp port 68');
    await client.ask(host, folder);
    const refused = client === npmDhcp;
    // A REQUEST that is met with silence is over once our server has thought about it.
    if (refused) await server.waitFor(/not answered.*request/);
    const packets = refused ? 3 : 4;
    const seen = await wire.until((frames) => {
      const datagrams = datagramsOf(frames);
      return datagrams.length >= packets ? datagrams.slice(0, packets) : undefined;
    });
    const what = refused ? 'DISCOVER, OFFER, and a REQUEST that gets silence' : 'DISCOVER to ACK';
    const head = [`${await versionOf(client)}: ${what}`, ...madeBy];
    return [{ protocol: 'dhcp', text: printExchange(head, exchangeOf(seen), describeDhcp()) }];
  };
}
