/** What can be seen of a board's start from outside, as data and in words. Pure. All of it is a claim of whoever sent the packet. */
import { assertNever } from '../../config/result.ts';
import type { Ipv4 } from '../../config/values.ts';
import { INSTALLER_INITRAMFS } from './files.ts';

/** Who of a board speaks. `mask ROM`: a Pi 3B's, which sends no REQUEST (facts 3.1). */
export type Speaker = 'mask ROM' | 'boot ROM' | 'installer' | 'system';

export type Sight =
  /** A DHCP message. `server`: another one, whose OFFER it takes; `relay`: the agent that passed it on, of another subnet. */
  | {
      readonly sight: 'dhcp';
      readonly by: Speaker;
      readonly kind: 'DISCOVER' | 'REQUEST' | 'DECLINE';
      readonly server?: Ipv4;
      readonly relay?: Ipv4;
    }
  /** What it was answered. No `address`: it has one from the router. `boots`: it was told from where. */
  | {
      readonly sight: 'answer';
      readonly by: Speaker;
      readonly kind: 'OFFER' | 'ACK' | 'NAK';
      readonly address?: Ipv4;
      readonly boots: boolean;
    }
  /** It asks for this file, and is given it. `path` is without its own folder (`<serial>/`). */
  | { readonly sight: 'asked'; readonly path: string }
  /** It has all of it. */
  | { readonly sight: 'fetched'; readonly path: string }
  /** It fell silent in the middle; `percent` 0: nothing of our answers was ever acknowledged. */
  | { readonly sight: 'cut'; readonly path: string; readonly percent: number }
  /** There is none of that name for it: most of them are none that a boot needs (facts 5). */
  | { readonly sight: 'missing'; readonly path: string }
  /** It asked in the folder of another board's serial number. */
  | { readonly sight: 'other-serial'; readonly serial: string }
  /** It was refused a boot file, because its own system is to start. */
  | { readonly sight: 'sent-to-disk' }
  /** What its installer told, or what became of it. */
  | { readonly sight: 'said'; readonly what: string }
  /** It came into this state. */
  | { readonly sight: 'state'; readonly name: string; readonly what: string };

/** What an installer is noted with that another master, or an old card, has started. */
export const KEY_UNKNOWN = 'installer does not know our key';

export const isRom = (by: Speaker): boolean => by === 'mask ROM' || by === 'boot ROM';

/** What the firmware starts in the end, of whatever model. */
export const isKernel = (path: string): boolean => /^kernel[^/]*\.img$/.test(path);
export const isInitramfs = (path: string): boolean => path === INSTALLER_INITRAMFS;

const needed =
  /^(bootcode\.bin|start4?\.elf|fixup4?\.dat|config\.txt|cmdline\.txt|kernel(8|_2712)\.img|bcm27\d\d-[^/]*\.dtb)$/;
/** No board starts its installer without it, if it asks for it at all; others that are not there are no fault (facts 5). */
export const isNeeded = (path: string): boolean => needed.test(path) || isInitramfs(path);

/** For the timeline; a file's name is the board's own words. */
export function sightText(sight: Sight): string {
  switch (sight.sight) {
    case 'dhcp':
      return dhcpText(sight);
    case 'answer': {
      const told: string[] = sight.address === undefined ? [] : [sight.address];
      if (sight.kind === 'OFFER' && isRom(sight.by)) told.push(sight.boots ? 'and where to boot from' : 'and no boot');
      return `${sight.kind}${told.length === 0 ? '' : `: ${told.join(' ')}`}`;
    }
    case 'asked':
      return `asks for ${sight.path}`;
    case 'fetched':
      return `has fetched ${sight.path}${roleText(sight.path)}`;
    case 'cut':
      return `${sight.path}: silent ${sight.percent === 0 ? 'from the first answer on' : `after ${sight.percent} %`}`;
    case 'missing':
      return `asks for ${sight.path}, which is not there`;
    case 'other-serial':
      return `asks for files of the serial number ${sight.serial}`;
    case 'sent-to-disk':
      return 'asked the network for a boot and was sent to its disk';
    case 'said':
      return sight.what;
    case 'state':
      return `${sight.name}: ${sight.what}`;
    default:
      return assertNever(sight);
  }
}

function dhcpText({ by, kind, server, relay }: Extract<Sight, { sight: 'dhcp' }>): string {
  const who = by === 'mask ROM' ? 'boot ROM' : by;
  const taken = server === undefined ? '' : `, which takes the OFFER of ${server}`;
  return `${kind} of its ${who}${taken}${relay === undefined ? '' : `, by the relay agent ${relay}`}`;
}

function roleText(path: string): string {
  if (isKernel(path)) return ' (kernel)';
  if (isInitramfs(path)) return ' (initramfs)';
  return path.endsWith('.dtb') && !path.includes('/') ? ' (device tree)' : '';
}
