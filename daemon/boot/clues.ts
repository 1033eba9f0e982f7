/** What the sights of one boot say together: what `diagnosis.ts` asks about. Pure. */
import { type Hostname, type Millis, type Model, millis } from '../../config/values.ts';
import type { DeviceState } from '../lifecycle/device.ts';
import { isInitramfs, isKernel, isRom, type Sight } from './sight.ts';
import { type Boot, lastOf, type Mark, type Moment, span } from './timeline.ts';

export type BootFacts = {
  readonly name: Hostname;
  readonly state: DeviceState;
  readonly model: Model | undefined;
  /** Those that are remembered, oldest first. */
  readonly boots: readonly Boot[];
  readonly now: Moment;
  /** Another server gives the addresses here, and we only tell where to boot from. */
  readonly isProxy: boolean;
  /** Another DHCP server that was heard though addresses are ours. */
  readonly otherServer: string | undefined;
  /** Its first DISCOVERs get lost (`punctuality.ts`). */
  readonly isLate: boolean;
  /** Another machine answers for its address. */
  readonly hasRival: boolean;
};

export type Clues = Omit<BootFacts, 'boots'> & {
  readonly boot: Boot;
  /** Since its last packet of this boot; 0 if there was none since the daemon started. */
  readonly quiet: Millis;
  /** Of its ROM, all in this boot; undefined: it has asked for none. */
  readonly discover: Repeated | undefined;
  readonly offers: number;
  /** Of its ROM, to us. */
  readonly requests: number;
  readonly acks: number;
  /** A Pi 2 or 3: it uses the address of the OFFER at once (facts 3.1). */
  readonly sendsNoRequest: boolean;
  /** It has asked for a file of any name. */
  readonly asksForFiles: boolean;
  readonly hasAsked: (is: string | ((path: string) => boolean)) => boolean;
  readonly fetched: (is: string | ((path: string) => boolean)) => Mark | undefined;
  /** Names that are not there, in the order in which they were asked for. */
  readonly missing: readonly string[];
  readonly installerAsked: Mark | undefined;
  readonly installerReported: boolean;
  readonly systemAsked: Mark | undefined;
  /** How many boots in a row, this one included, came as far as the kernel and no further. */
  readonly kernelBoots: number;
};

export type Repeated = { readonly count: number; readonly time: Millis };

export function cluesOf({ boots, ...facts }: BootFacts): Clues {
  const boot = boots.at(-1) ?? [];
  const packets = boot.filter(({ sight }) => sight.sight !== 'state');
  const fetched: Clues['fetched'] = (is) => find(boot, 'fetched', is);
  return {
    ...facts,
    boot,
    quiet: packets.length === 0 ? millis(0) : span(lastOf(packets), facts.now),
    discover: repeated(boot.filter(({ sight }) => isOfRom(sight, 'dhcp', 'DISCOVER'))),
    offers: total(boot.filter(({ sight }) => isOfRom(sight, 'answer', 'OFFER'))),
    requests: total(
      boot.filter(
        ({ sight }) => sight.sight === 'dhcp' && sight.server === undefined && isOfRom(sight, 'dhcp', 'REQUEST'),
      ),
    ),
    acks: total(boot.filter(({ sight }) => isOfRom(sight, 'answer', 'ACK'))),
    sendsNoRequest:
      boot.some(({ sight }) => sight.sight === 'dhcp' && sight.by === 'mask ROM') || /^pi[23]/.test(facts.model ?? ''),
    asksForFiles: boot.some(({ sight }) => isAboutFiles(sight)),
    hasAsked: (is) => find(boot, 'asked', is) !== undefined || find(boot, 'missing', is) !== undefined,
    fetched,
    missing: boot.flatMap(({ sight }) => (sight.sight === 'missing' ? [sight.path] : [])),
    installerAsked: boot.find(({ sight }) => sight.sight === 'dhcp' && sight.by === 'installer'),
    installerReported: boot.some(({ sight }) => sight.sight === 'said'),
    systemAsked: boot.find(({ sight }) => sight.sight === 'dhcp' && sight.by === 'system'),
    kernelBoots: boots.length - 1 - boots.findLastIndex((one) => !endsAtKernel(one)),
  };
}

const total = (marks: readonly Mark[]): number => marks.reduce((sum, { count }) => sum + count, 0);

function repeated(marks: readonly Mark[]): Repeated | undefined {
  const [first] = marks;
  return first && { count: total(marks), time: span(first.first, lastOf(marks)) };
}

const isOfRom = (sight: Sight, what: 'dhcp' | 'answer', kind: string): boolean =>
  sight.sight === what && sight.kind === kind && isRom(sight.by);

const isAboutFiles = ({ sight }: Sight): boolean =>
  sight === 'asked' || sight === 'missing' || sight === 'other-serial' || sight === 'sent-to-disk';

function find(
  boot: Boot,
  what: 'asked' | 'missing' | 'fetched',
  is: string | ((path: string) => boolean),
): Mark | undefined {
  const isMeant = typeof is === 'string' ? (path: string) => path === is : is;
  return boot.find(({ sight }) => sight.sight === what && isMeant(sight.path));
}

const endsAtKernel = (boot: Boot): boolean =>
  find(boot, 'fetched', isKernel) !== undefined &&
  find(boot, 'fetched', isInitramfs) !== undefined &&
  !boot.some(({ sight }) => sight.sight === 'said' || (sight.sight === 'dhcp' && !isRom(sight.by)));
