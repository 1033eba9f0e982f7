/**
 * The JSON of a device's state and of an event: written with a version, read by the parser of that version. This is what both have in
 * common.
 */
import {
  diskTypes,
  models,
  parseDeviceId,
  parseHostname,
  parseIpv4,
  parseMac,
  parseSerial,
} from '../../config/values.ts';
import { type BoardReport, bootSources, type DiskReport, diskContents, type Place } from '../lifecycle/device.ts';
import { asFields, count, Damage, type Fields, flag, json, object, oneOf, optional, parsed, text } from './fields.ts';

const version = 1;

/** The names stand in columns of their own. */
export const payloadOf = (data: object): string => JSON.stringify({ version, data });

/** A version that is to come gets its own branch here, and the old ones stay. */
export function dataOf(row: Fields): Fields {
  const payload = json(row, 'payload');
  if (payload['version'] !== version) throw new Damage(`payload has version ${JSON.stringify(payload['version'])}`);
  return asFields(payload['data'], 'payload.data');
}

/** A record, so that a new member of the union is a compile error here. */
export const namesOf = <Name extends string>(all: Readonly<Record<Name, true>>): readonly Name[] =>
  Object.keys(all).filter((name): name is Name => name in all);

export function boardReport(from: Fields): BoardReport {
  const report = object(from, 'report');
  return {
    mac: parsed(report, 'mac', parseMac),
    serial: serialOf(report).serial,
    model: modelOf(report).model,
    disk: diskReport(object(report, 'disk')),
    memoryBytes: count(report, 'memoryBytes'),
    source: oneOf(report, 'source', bootSources),
    proof: flag(report, 'proof'),
  };
}

export function diskReport(disk: Fields): DiskReport {
  const device = optional(disk, 'device', (from, name) => parsed(from, name, parseDeviceId));
  return {
    // What was written before the installer told all disks has none of these.
    name: optional(disk, 'name', text) ?? '',
    type: optional(disk, 'type', (from, name) => oneOf(from, name, diskTypes)) ?? 'other',
    model: optional(disk, 'model', text) ?? '',
    bytes: count(disk, 'bytes'),
    content: oneOf(disk, 'content', diskContents),
    ...(device !== undefined && { device }),
  };
}

export function place(from: Fields): Place {
  const was = object(from, 'was');
  return {
    name: parsed(was, 'name', parseHostname),
    address: optional(was, 'address', (fields, name) => parsed(fields, name, parseIpv4)),
  };
}

export const failure = (from: Fields) => ({ code: text(from, 'code'), detail: text(from, 'detail') });

/** Present or absent, never `undefined`. */
export function textOf<Name extends string>(from: Fields, name: Name): { readonly [N in Name]?: string } {
  const value = optional(from, name, text);
  // The only key is the one that was asked for, which TypeScript takes for any text.
  return value === undefined ? {} : ({ [name]: value } as { readonly [N in Name]: string });
}

/** Absent before it was kept, and where no program failed. */
export const outputOf = (from: Fields) => textOf(from, 'output');

export function serialOf(from: Fields) {
  const serial = optional(from, 'serial', (fields, name) => parsed(fields, name, parseSerial));
  return serial === undefined ? {} : { serial };
}

export function modelOf(from: Fields) {
  const model = optional(from, 'model', (fields, name) => oneOf(fields, name, models));
  return model === undefined ? {} : { model };
}
