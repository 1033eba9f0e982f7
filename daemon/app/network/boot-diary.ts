/** What DHCP hears of boards and tells them, noted in their timelines. */
import { inSubnet } from '../../../config/values.ts';
import type { Sight, Speaker } from '../../boot/sight.ts';
import type { Timelines } from '../../boot/timeline.ts';
import { type DhcpRequest, type DhcpSelf, type Sent, unspecified } from '../../dhcp/server.ts';
import type { Fleet } from '../../lifecycle/fleet.ts';
import type { Clock } from '../../ports.ts';

/** What our installer calls itself (option 60); it may run on hardware whose address prefix nobody knows. */
export const INSTALLER_VENDOR_CLASS = 'bramble-installer';

export type BootDiary = {
  /** A message that came in, whether it is answered or not; of boards that are known. */
  readonly heard: (request: DhcpRequest) => void;
  /** The message by which a board became known. */
  readonly met: (request: DhcpRequest) => void;
  readonly answered: (request: DhcpRequest, sent: Sent) => void;
};

export function bootDiary(deps: {
  readonly fleet: () => Pick<Fleet, 'byMac'>;
  readonly timelines: Pick<Timelines, 'see'>;
  readonly clock: Pick<Clock, 'now'>;
  readonly self: Pick<DhcpSelf, 'address' | 'subnet'>;
}): BootDiary {
  const { timelines, clock, self } = deps;

  function heard(request: DhcpRequest): void {
    const board = deps.fleet().byMac(request.mac);
    const kind = kindOf(request);
    if (board === undefined || kind === undefined) return;
    const { serverIdentifier: server, giaddr } = request;
    const isAnother = kind === 'REQUEST' && server !== undefined && server !== self.address && server !== unspecified;
    timelines.see(board.id, clock.now(), {
      ...{ sight: 'dhcp', by: speakerOf(request), kind },
      ...(isAnother && { server }),
      ...(giaddr !== undefined && !inSubnet(self.subnet, giaddr) && { relay: giaddr }),
    });
  }

  function answered(request: DhcpRequest, { answer, address, boots }: Sent): void {
    const board = deps.fleet().byMac(request.mac);
    // A lease that is renewed is no part of a boot.
    if (board === undefined || kindOf(request) === undefined) return;
    const kind = ({ offer: 'OFFER', ack: 'ACK', nak: 'NAK' } as const)[answer];
    timelines.see(board.id, clock.now(), {
      ...{ sight: 'answer', by: speakerOf(request), kind, boots },
      ...(address !== unspecified && { address }),
    });
  }

  return { heard, met: heard, answered };
}

/** Undefined: it is no part of a boot. */
function kindOf({ kind }: DhcpRequest): Extract<Sight, { sight: 'dhcp' }>['kind'] | undefined {
  switch (kind) {
    case 'discover':
      return 'DISCOVER';
    case 'request-selecting':
    case 'request-init-reboot':
      return 'REQUEST';
    case 'decline':
      return 'DECLINE';
    case 'request-renewing':
    case 'request-rebinding':
    case 'release':
    case 'inform':
      return undefined;
  }
}

function speakerOf({ isMaskRom, isPxe, vendorClass }: DhcpRequest): Speaker {
  if (isMaskRom) return 'mask ROM';
  if (isPxe) return 'boot ROM';
  return vendorClass === INSTALLER_VENDOR_CLASS ? 'installer' : 'system';
}
