import test from 'ava';
import { type Arrival, isLate } from '../../../daemon/boot/punctuality.ts';

const system: Arrival = { isPxe: false, secs: 0, isRepetition: false, sinceRestart: 'not' };
const rom: Arrival = { ...system, isPxe: true };

const table: readonly (readonly [what: string, arrival: Arrival, late: boolean | undefined])[] = [
  ['the first DISCOVER of udhcpc on an open port', system, false],
  ['its third attempt, the first that is heard', { ...system, secs: 6 }, false],
  ['its first that is heard, half a minute on', { ...system, secs: 28 }, true],
  ['the same, but the ones before were heard, too', { ...system, secs: 28, isRepetition: true }, undefined],
  ['hours on: it waits for a server, not for a port', { ...system, secs: 7200 }, undefined],
  ['a boot ROM does not count', rom, undefined],
  ['nor is it believed if it does', { ...rom, secs: 28 }, undefined],
  ['a boot ROM soon after the installer ended', { ...rom, sinceRestart: 'just now' }, false],
  ['a boot ROM long after it', { ...rom, sinceRestart: 'long ago' }, true],
];
for (const [what, arrival, late] of table) test(what, (t) => t.is(isLate(arrival), late));
