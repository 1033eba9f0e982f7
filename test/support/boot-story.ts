/** Boards that stop, as stories that are played on a `boot-stage`, and what has to be made of them. */
import test from 'ava';
import { must } from '../../config/result.ts';
import { parseIpv4 } from '../../config/values.ts';
import type { BootFacts } from '../../daemon/boot/diagnosis.ts';
import { decodePacket, encodePacket } from '../../daemon/dhcp/packet.ts';
import type { BoardModel } from '../lab/board/models.ts';
import { pi3bRomDiscover } from '../vectors/dhcp.ts';
import { bootStage, type Stage } from './boot-stage.ts';

type Options = Omit<Parameters<typeof bootStage>[1], 'model'>;

export type Story = {
  readonly code: string;
  readonly model: BoardModel;
  readonly options?: Options;
  readonly play: (stage: Stage) => Promise<Partial<BootFacts> | undefined>;
  readonly says: RegExp;
  readonly deed: RegExp;
};

export function testStories(stories: Readonly<Record<string, Story>>): void {
  for (const [name, { code, model, options = {}, play, says, deed }] of Object.entries(stories)) {
    test(`${code}: ${name} (${model})`, async (t) => {
      const stage = await bootStage(t, { model, ...options });
      const changes = await play(stage);
      const told = stage.diagnosis(changes ?? {});
      t.is(
        told?.code,
        code,
        JSON.stringify(
          stage
            .boots()
            .at(-1)
            ?.map(({ text, count }) => [text, count]),
        ),
      );
      t.regex(told?.sentence ?? '', says);
      t.regex(told?.deed ?? '', deed);
      t.is(told?.stops, code !== 'LATE_DISCOVER');
    });
  }
}

/** The board's own system, or our installer, asks for an address: no PXE, no option 97. */
export function systemDiscover({ identity }: Stage, vendorClass?: string): Uint8Array {
  const mac = Uint8Array.from(Buffer.from(identity.mac.replaceAll(':', ''), 'hex'));
  const options = new Map([[53, Uint8Array.of(1)]]);
  if (vendorClass !== undefined) options.set(60, Buffer.from(vendorClass));
  return dhcpPacket(mac, options);
}

export function dhcpPacket(mac: Uint8Array, options: ReadonlyMap<number, Uint8Array>): Uint8Array {
  const template = must(decodePacket(pi3bRomDiscover.datagram));
  return encodePacket({ ...template, chaddr: mac, options: new Map(options) });
}

/** What the ROM sends as REQUEST names another server's OFFER. */
export async function requestTo(stage: Stage, server: string): Promise<void> {
  const address = must(parseIpv4('10.77.0.77'));
  const chosen = { address, mask: undefined, server: must(parseIpv4(server)), siaddr: undefined, tftp: address };
  await stage.request(chosen);
}
