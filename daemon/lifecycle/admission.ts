/**
 * Whether a reported board becomes ours. Serial, MAC and vendor prefix are claims, not proof; what protects the owner is
 * that nothing can be lost and that a wrong board gets nothing of value (SECURITY.md). Pure.
 */
import { type Hostname, type Mac, type Serial, sameSerial, sizeText } from '../../config/values.ts';
import type { BoardReport, Device, DiskReport } from './device.ts';
import type { Verdict } from './event.ts';
import { isUndecided } from './registry.ts';

export type AdmissionRules = {
  readonly mode: 'auto' | 'approve' | 'allow-list';
  /** Boards accepted by themselves within the last hour, and how many may be. */
  readonly acceptedLastHour: number;
  readonly limit: number;
  /** The Pis are on a switch of their own behind the master. Undefined: nobody knows yet. */
  readonly lanIsOurs: boolean | undefined;
  readonly allow: readonly { readonly serial: Serial; readonly mac: Mac }[];
  /** Who asked for the window in which boards are accepted by themselves whatever the mode says, if one is open. */
  readonly openedBy: string | undefined;
};

export function admit(device: Device, report: BoardReport, others: readonly Device[], rules: AdmissionRules): Verdict {
  const rival = rivalOf(device, report, others);
  if (rival !== undefined) return { verdict: 'hold', reason: rivalText(rival.name) };
  const twin = otherSerial(device, report);
  if (twin !== undefined) return { verdict: 'hold', reason: twinText(report, twin) };
  if (report.disk.content === 'none') return wait('it has no disk that can be written');
  const owner = others.find(({ id }) => id !== device.id && id === report.disk.device);
  if (owner !== undefined) return wait(ownerText(owner, device, report.disk));
  const verdict = byMode(device, report, rules);
  return verdict.verdict === 'wait' && rules.openedBy !== undefined ? opened(verdict, report, rules) : verdict;
}

function byMode(device: Device, report: BoardReport, rules: AdmissionRules): Verdict {
  switch (rules.mode) {
    case 'approve':
      return wait('every board waits to be accepted here (admission: approve)');
    case 'allow-list':
      return rules.allow.some(({ serial, mac }) => mac === report.mac && isSerialOf(device, report, serial))
        ? { verdict: 'accept', by: 'allow-list' }
        : wait('it is not on the allow-list');
    case 'auto':
      return automatic(report, rules);
  }
}

function automatic(report: BoardReport, rules: AdmissionRules): Verdict {
  const lost = lossText(report);
  if (lost !== undefined) return wait(lost);
  if (rules.lanIsOurs === undefined && !report.proof)
    return wait('it is not known yet whether another DHCP server is on this network; it is decided again then');
  if (!rules.lanIsOurs && !report.proof)
    return wait('this network is shared, and it did not start from a join card of this cluster');
  if (isHourFull(rules)) return wait(fullText(rules));
  return { verdict: 'accept', by: report.proof ? 'auto: it knows the cluster key' : 'auto: nothing on it can be lost' };
}

/** The owner says that boards are being plugged in now; what is on their disks he did not say. */
function opened(verdict: Verdict, report: BoardReport, rules: AdmissionRules): Verdict {
  const lost = lossText(report);
  if (lost !== undefined) return wait(lost);
  if (isHourFull(rules)) return wait(fullText(rules));
  return rules.openedBy === undefined ? verdict : { verdict: 'accept', by: `open by ${rules.openedBy}` };
}

const isHourFull = ({ acceptedLastHour, limit }: AdmissionRules): boolean => acceptedLastHour >= limit;
const fullText = ({ limit }: AdmissionRules): string => `${limit} boards were accepted within the last hour already`;
const lossText = ({ disk }: BoardReport): string | undefined =>
  disk.content === 'foreign'
    ? `its disk (${diskText(disk)}) holds data that is not ours; accepting it overwrites the disk`
    : undefined;
const diskText = ({ type, bytes, model }: DiskReport): string =>
  [type, sizeText(bytes), model].filter((part) => part !== '').join(', ');

const wait = (reason: string): Verdict => ({ verdict: 'wait', reason });
const rivalText = (name: Hostname): string =>
  `${name} has the same serial number or hardware address: one of the two is not what it says`;

const twinText = ({ mac, serial }: BoardReport, twin: Serial): string =>
  `two boards have the hardware address ${mac}, with the serial numbers ${twin} and ${serial}: accepting it takes in ${serial}, which told last`;

/** Another board that has, or says to have, the serial number or hardware address that this one reports. */
export const rivalOf = (device: Device, report: BoardReport, others: readonly Device[]): Device | undefined =>
  others.find((other) => other.id !== device.id && claimsTheSame(other, report));

/** What else the hardware address was seen with: not the serial number that is reported. */
const otherSerial = (device: Device, { serial }: BoardReport): Serial | undefined =>
  serial && device.serials.find((known) => !sameSerial(known, serial));

/** A board that was decided about is known by its serial number: this is another one, whatever else it says. */
export const isOfAnother = (device: Device, serial: Serial | undefined): serial is Serial =>
  serial !== undefined && !isUndecided(device) && device.serials.length > 0 && !hasSerial(device, serial);

/** Its boot ROM does not say whose card is in it: a board that asks the network first is taken for a new one. */
const ownerText = ({ name: owner, state }: Device, { name }: Device, disk: DiskReport): string =>
  state.name === 'starting' && state.card === true
    ? `its disk (${diskText(disk)}) is the card that was made for ${owner}: \`bramble reject ${name}\` and switch it off and on, and it starts from it as ${owner}; accepting overwrites it`
    : `its disk (${diskText(disk)}) is that of ${owner}, with its system on it: put it back there; accepting overwrites it`;

const claimsTheSame = (other: Device, report: BoardReport): boolean =>
  other.macs.includes(report.mac) || (report.serial !== undefined && hasSerial(other, report.serial));
const hasSerial = (device: Device, serial: Serial): boolean =>
  device.serials.some((known) => sameSerial(known, serial));
const isSerialOf = (device: Device, report: BoardReport, serial: Serial): boolean =>
  report.serial === undefined ? hasSerial(device, serial) : sameSerial(report.serial, serial);
