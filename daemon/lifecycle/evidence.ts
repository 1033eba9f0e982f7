/** What an event tells about who the board is. Pure. A claim by anybody who knows the hardware address, but for a host key. */
import { type Mac, type Serial, sameSerial } from '../../config/values.ts';
import type { Device, DeviceState, ModelEvidence } from './device.ts';
import type { LifecycleEvent } from './event.ts';
import { isUndecided } from './registry.ts';

type Evidence = {
  readonly mac?: Mac | undefined;
  /** The hardware address of whoever showed the host key that we made for it: no claim. */
  readonly shown?: Mac | undefined;
  readonly serial?: Serial | undefined;
  readonly model?: ModelEvidence | undefined;
  /** The installer read it from the board: it may be told beside another serial. */
  readonly read: boolean;
};

/** Each further one is another board behind the same network adapter, or a lie: it is held at most, never believed. */
const SERIALS_MAX = 4;

/** The same object if there is nothing new in it. */
export function learn(device: Device, event: LifecycleEvent): Device {
  const evidence = evidenceIn(event);
  const macs = evidence.shown ? withFirst(device.macs, evidence.shown) : withMac(device.macs, evidence.mac);
  // Once it was decided who this is, nobody adds to it: a forged serial would keep the board that has it out.
  const isOpen = isUndecided(device) && device.state.name !== 'held';
  const mayAdd = device.serials.length === 0 || (evidence.read && isOpen);
  const told = withSerial(device.serials, evidence.serial, mayAdd && device.serials.length < SERIALS_MAX);
  const serials = event.event === 'accept-requested' ? decidedFor(told, device.state) : told;
  const model = betterModel(device.model, evidence.model);
  const nothingNew = macs === device.macs && serials === device.serials && model === device.model;
  return addressed(nothingNew ? device : { ...device, macs, serials, model }, event);
}

/** An address of ours stays, whatever is heard. */
function addressed(device: Device, event: LifecycleEvent): Device {
  if (device.addressing === 'reserved') return device;
  if (event.event === 'address-heard' && event.address !== device.address) return { ...device, address: event.address };
  return event.event === 'address-lost' && event.address === device.address
    ? { ...device, address: undefined }
    : device;
}

function evidenceIn(event: LifecycleEvent): Evidence {
  switch (event.event) {
    case 'dhcp-seen':
      return {
        mac: event.mac,
        serial: event.serial,
        model: event.model && { model: event.model, final: false },
        read: false,
      };
    case 'boot-file-served':
      return { serial: event.serial, read: false };
    case 'installer-reported': {
      const { mac, serial, model } = event.report;
      return { mac, serial, model: model && { model, final: true }, read: true };
    }
    case 'ssh-answered':
      // It showed the key that we made for this board: it is this board, on whatever hardware.
      return { shown: event.mac, read: false };
    default:
      return { read: false };
  }
}

const withMac = (macs: readonly Mac[], mac: Mac | undefined): readonly Mac[] =>
  mac === undefined || macs.includes(mac) ? macs : [...macs, mac];

/** Before any that only used its name. */
const withFirst = (macs: readonly Mac[], mac: Mac): readonly Mac[] =>
  macs[0] === mac ? macs : [mac, ...macs.filter((other) => other !== mac)];

/** A full serial takes the place of its low half, in place: the first one stays the first. */
function withSerial(serials: readonly Serial[], serial: Serial | undefined, mayAdd: boolean): readonly Serial[] {
  if (serial === undefined) return serials;
  const place = serials.findIndex((known) => sameSerial(known, serial));
  if (place === -1) return mayAdd ? [...serials, serial] : serials;
  const known = serials[place];
  return known !== undefined && known.length < serial.length ? serials.with(place, serial) : serials;
}

/** Of two boards behind one hardware address it is this one, and the other one is nobody. */
function decidedFor(serials: readonly Serial[], state: DeviceState): readonly Serial[] {
  const serial = 'report' in state ? state.report?.serial : undefined;
  const own = serial === undefined ? serials : serials.filter((known) => sameSerial(known, serial));
  return own.length === 0 || own.length === serials.length ? serials : own;
}

/** The installer has read the device tree: that is final. Among claims the first one sticks. */
const betterModel = (known: ModelEvidence | undefined, told: ModelEvidence | undefined): ModelEvidence | undefined =>
  told === undefined || known?.final === true || (known !== undefined && !told.final) ? known : told;
