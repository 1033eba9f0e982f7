/** Which boards come in: the meeting of the rules with what is known of the network, of other boards and of the last hour. */
import type { Config } from '../../../config/schema.ts';
import { admit, rivalOf } from '../../lifecycle/admission.ts';
import type { BoardReport, Device, DeviceState } from '../../lifecycle/device.ts';
import type { LifecycleEvent, Verdict } from '../../lifecycle/event.ts';
import type { Acceptances } from './acceptances.ts';
import type { OpeningDesk } from './opening.ts';
import type { Rivals } from './rivals.ts';

export type AdmissionDeps = {
  readonly config: Config;
  readonly boards: () => readonly Device[];
  readonly acceptances: Acceptances;
  readonly opening: Pick<OpeningDesk, 'openedFor' | 'take'>;
  readonly rivals: Pick<Rivals, 'seen'>;
  /** The boards are on a switch of their own, and nobody else gives addresses there. Undefined: nobody knows yet. */
  readonly lanIsOurs: () => boolean | undefined;
};

export type AdmissionDesk = {
  readonly decide: (device: Device) => Promise<LifecycleEvent | undefined>;
  /** A board that waits would be decided about otherwise by now, though it says the same. */
  readonly isOverdue: (device: Device, report: BoardReport) => boolean;
};

export function admissionDesk(deps: AdmissionDeps): AdmissionDesk {
  const { config, acceptances, opening } = deps;

  const verdictFor = (device: Device, report: BoardReport, openedBy: string | undefined): Verdict =>
    admit(device, report, deps.boards(), {
      mode: config.admission.mode,
      acceptedLastHour: acceptances.besides(device.id),
      limit: config.admission.limit,
      lanIsOurs: deps.lanIsOurs(),
      allow: config.admission.allow,
      openedBy,
    });

  async function decide(device: Device): Promise<LifecycleEvent | undefined> {
    if (device.state.name !== 'reported') return undefined;
    const { report } = device.state;
    const verdict = await decided(device, report);
    if (verdict.verdict === 'accept') acceptances.note(device.id);
    const rival = rivalOf(device, report, deps.boards());
    if (rival !== undefined) deps.rivals.seen(rival, claimText(device, report));
    return { event: 'admission-decided', verdict };
  }

  /** A place in the window is taken only by a board that would not come in without it. */
  async function decided(device: Device, report: BoardReport): Promise<Verdict> {
    const verdict = verdictFor(device, report, undefined);
    const openedBy = opening.openedFor(device.id);
    if (verdict.verdict !== 'wait' || openedBy === undefined) return verdict;
    const opened = verdictFor(device, report, openedBy);
    return opened.verdict === 'accept' && !(await opening.take(device.id)) ? verdict : opened;
  }

  function isOverdue(device: Device, report: BoardReport): boolean {
    const { verdict } = verdictFor(device, report, opening.openedFor(device.id));
    return (device.state.name === 'pending' && verdict !== 'wait') || (isRivals(device.state) && verdict !== 'hold');
  }

  return { decide, isOverdue };
}

/** Held for nothing but that another board says to be it. */
const isRivals = (state: DeviceState): boolean => state.name === 'held' && state.report !== undefined;

const claimText = ({ name }: Device, { mac, serial }: BoardReport): string =>
  `${name} reports the serial number ${serial ?? 'none'} and the hardware address ${mac}`;
