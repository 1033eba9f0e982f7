/** systemd-networkd and the `dhcp` package as clients; the other ones are in dhcp.test.ts. */
import test from 'ava';
import { must } from '../../config/result.ts';
import { decodePacket } from '../../daemon/dhcp/packet.ts';
import { datagramsOf, startCapture } from '../support/capture.ts';
import { dhcpClients, npmDhcp } from '../support/dhcp-clients.ts';
import { boardMac, dhcpLab, serverAddress, sightings } from './dhcp-fixture.ts';

test.serial('systemd-networkd as a Pi, then once more', async (t) => {
  const { pi, server, folder } = await dhcpLab(t);
  const wire = await startCapture(pi, 'udp');
  const networkd = dhcpClients.find(({ name }) => name === 'systemd-networkd');
  t.is(await networkd?.ask(pi, folder), '10.77.0.101');
  t.is(await networkd?.ask(pi, folder), '10.77.0.101');
  // It gives its address back when it is stopped; a reserved one stays reserved.
  const kinds = sightings(server).map(({ kind }) => kind);
  t.deepEqual(kinds, ['discover', 'request-selecting', 'discover', 'request-selecting']);
  t.like(sightings(server)[0], { mac: boardMac, serial: 'abcdef01', model: 'pi4', isPxe: true });
  await server.waitFor(/not answered.*release/);
  const [offer] = datagramsOf(wire.frames()).filter(({ from }) => from.address === serverAddress);
  const { options, siaddr } = must(decodePacket(offer?.payload ?? new Uint8Array()));
  t.is<string, string>(siaddr, serverAddress);
  t.regex(Buffer.from(options.get(43) ?? []).toString('latin1'), /Raspberry Pi Boot/);
});

test.serial('`dhcp` of npm is offered an address; its REQUEST names none and no server, and gets none', async (t) => {
  const { pi, server, folder } = await dhcpLab(t);
  const wire = await startCapture(pi, 'udp');
  t.is(await npmDhcp.ask(pi, folder), '10.77.0.101');
  // It has decided; nothing is sent later than that.
  await server.waitFor(/not answered.*request-init-reboot/);
  const messages = await wire.until((frames) => {
    const types = datagramsOf(frames).map(({ payload }) => must(decodePacket(payload)).options.get(53)?.[0]);
    return types.length >= 3 ? types : undefined;
  });
  t.deepEqual(messages, [1, 2, 3]);
  const request = datagramsOf(wire.frames()).at(2)?.payload ?? new Uint8Array();
  t.is(
    must(decodePacket(request)).options.get(54),
    undefined,
    'if it names its server now, it can be a client as a whole',
  );
});
