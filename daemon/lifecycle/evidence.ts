/** What an event tells about who the board is. Pure. */
import { type Mac, type Serial, sameSerial } from '../../config/values.ts';
import type { Device, ModelEvidence } from './device.ts';
import type { LifecycleEvent } from './event.ts';

type Evidence = {
  readonly mac?: Mac | undefined;
  readonly serial?: Serial | undefined;
  readonly model?: ModelEvidence | undefined;
};

/** The same object if there is nothing new in it. */
export function learn(device: Device, event: LifecycleEvent): Device {
  const evidence = evidenceIn(event);
  const macs = withMac(device.macs, evidence.mac);
  const serials = withSerial(device.serials, evidence.serial);
  const model = betterModel(device.model, evidence.model);
  const nothingNew = macs === device.macs && serials === device.serials && model === device.model;
  return nothingNew ? device : { ...device, macs, serials, model };
}

function evidenceIn(event: LifecycleEvent): Evidence {
  switch (event.event) {
    case 'dhcp-seen':
      return { mac: event.mac, serial: event.serial, model: event.model && { model: event.model, final: false } };
    case 'boot-file-served':
      return { serial: event.serial };
    case 'installer-reported': {
      const { mac, serial, model } = event.report;
      return { mac, serial, model: model && { model, final: true } };
    }
    default:
      return {};
  }
}

const withMac = (macs: readonly Mac[], mac: Mac | undefined): readonly Mac[] =>
  mac === undefined || macs.includes(mac) ? macs : [...macs, mac];

/** A full serial takes the place of its low half, in place: the first one stays the first. */
function withSerial(serials: readonly Serial[], serial: Serial | undefined): readonly Serial[] {
  if (serial === undefined) return serials;
  const place = serials.findIndex((known) => sameSerial(known, serial));
  if (place === -1) return [...serials, serial];
  const known = serials[place];
  return known !== undefined && known.length < serial.length ? serials.with(place, serial) : serials;
}

/** The installer has read the device tree: that is final. Among claims the first one sticks. */
const betterModel = (known: ModelEvidence | undefined, told: ModelEvidence | undefined): ModelEvidence | undefined =>
  told === undefined || known?.final === true || (known !== undefined && !told.final) ? known : told;
