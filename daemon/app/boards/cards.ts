/** Finished images for cards: the meeting of the owner's wish with boards, images and the boot kit. */
import { must, ok, type Problem, problem, type Result } from '../../../config/result.ts';
import type { Config } from '../../../config/schema.ts';
import { instant, type Model, parseDeviceId, parseHostname } from '../../../config/values.ts';
import { type Base, type CardEeprom, type JoinCard, joinCard } from '../../../image-builder/index.ts';
import type { CardDeps, FinishedImage, FinishedImageProblem } from '../../http/endpoints/cards.ts';
import type { Device } from '../../lifecycle/device.ts';
import type { Runner } from '../../lifecycle/runner.ts';
import { type Transition, transition } from '../../lifecycle/transition.ts';
import type { Identity } from '../identity.ts';
import type { Site } from '../network/site.ts';
import { closing } from './base-shelf.ts';
import type { EepromDesk } from './eeproms.ts';
import type { ImageDesk } from './images.ts';
import type { InstallerKit } from './installer-kit.ts';

export type CardDeskDeps = {
  readonly config: Config;
  readonly identity: Pick<Identity, 'clusterId' | 'clusterKey'>;
  readonly images: Pick<ImageDesk, 'whole' | 'files' | 'bytesFor' | 'findKit'>;
  readonly eeproms: Pick<EepromDesk, 'forCard'>;
  readonly installer: Pick<InstallerKit, 'initramfs'>;
  readonly site: () => Pick<Site, 'address'> | undefined;
  readonly boardNamed: (name: string) => Device | undefined;
  /** A board that nobody has seen, under a name of its own from now on. */
  readonly expect: Runner['expect'];
  readonly dispatch: Runner['dispatch'];
  /** Another device answers for its address. */
  readonly hasRival: (board: Device) => boolean;
  readonly signal: AbortSignal;
};

export function cardDesk(deps: CardDeskDeps): CardDeps {
  const { config, images, signal } = deps;

  const boardImage: CardDeps['boardImage'] = async (name, { by, most, isNew }) => {
    const known = deps.boardNamed(name);
    const drafted = known === undefined ? toCome(name) : ok(known);
    if (!drafted.ok) return drafted;
    // A slip of the pen would be a board for good.
    if (known === undefined && !isNew) return problem('NOT_FOUND', `no board ${name}; --new makes one of that name`);
    const board = drafted.value;
    // Whatever is in the way of an image is told before one is made, and before anything is promised to anybody.
    const asked = transition(board, { event: 'card-made', by }, board.since);
    if (asked.outcome === 'refused') return refused(board, asked);
    const planned = await images.files(board);
    if (!planned.ok) return notReady(planned.error);
    const bytes = await images.bytesFor(board);
    if (!bytes.ok) return notReady(bytes.error);
    if (most !== undefined && bytes.value > most) {
      return problem('TOO_LARGE', `the image of ${name} needs ${bytes.value} bytes, and there is room for ${most}`);
    }
    const device = known === undefined ? await deps.expect(board.name, by) : drafted;
    if (device.ok) {
      const made = await imageOf(device.value, by);
      return made.ok && known === undefined
        ? ok({ ...made.value, notes: [expectedNote(device.value), ...made.value.notes] })
        : made;
    }
    return device.error.code === 'NAME_TAKEN' ? problem('CONFLICT', device.error.detail) : notReady(device.error);
  };

  async function imageOf(device: Device, by: string): Promise<Result<FinishedImage, FinishedImageProblem>> {
    if (deps.hasRival(device)) {
      return problem(
        'CONFLICT',
        `another device uses ${device.address}, which is to stand in the image of ${device.name}`,
      );
    }
    const source = await images.whole(device, signal);
    if (!source.ok) return notReady(source.error);
    const told = await deps.dispatch(device.id, { event: 'card-made', by });
    if (!told.ok || told.value.outcome === 'refused') {
      await source.value.close();
      return told.ok ? refused(device, told.value) : problem('NOT_FOUND', told.error.detail);
    }
    const same = told.value.outcome === 'noted';
    const note = same
      ? `${device.name} is being installed: its disk gets the same bytes`
      : `${device.name} is expected to start from it: write it to a card, put that in, and switch the board on`;
    return ok({ source: source.value, notes: [note, ...(same || device.macs.length > 0 ? [] : [unseenNote])] });
  }

  /** Tens of megabytes each: one after the other. */
  let last: Promise<unknown> = Promise.resolve();

  const card: CardDeps['joinCard'] = async (choice) => {
    const eeprom = await deps.eeproms.forCard(choice);
    if (!eeprom.ok) return eeprom;
    const making = last.then(async () => await makeCard(eeprom.value));
    last = making.catch(() => undefined);
    const made = await making;
    if (!made.ok) return notReady(made.error);
    const notes = [...cardNotes(made.value.models), ...netbootNotes(config.netboot.enable, eeprom.value)];
    return ok({ source: made.value.source, notes });
  };

  async function makeCard(eeprom: CardEeprom | undefined): Promise<Result<JoinCard, Problem>> {
    const site = deps.site();
    if (site === undefined) return problem('NO_NETWORK', 'the network of the boards is not known yet: bramble status');
    const kit = await images.findKit();
    if (!kit.ok) return kit;
    return await closing(kit.value, async (base) => await cardFrom(base, site, eeprom));
  }

  async function cardFrom(
    kit: Base,
    site: Pick<Site, 'address'>,
    eeprom: CardEeprom | undefined,
  ): Promise<Result<JoinCard, Problem>> {
    const initramfs = await deps.installer.initramfs();
    if (!initramfs.ok) return initramfs;
    return await joinCard({
      kit,
      initramfs: initramfs.value,
      config: {
        server: `http://${site.address}:${config.http.port}`,
        clusterKey: Buffer.from(deps.identity.clusterKey).toString('hex'),
        cluster: deps.identity.clusterId,
      },
      enableNetboot: config.netboot.enable,
      ...(eeprom !== undefined && { eeprom }),
      signal,
    });
  }

  return { boardImage, joinCard: card };
}

/** A board that nobody has seen, as far as an image of it can be planned. */
function toCome(name: string): Result<Device, Problem<'NOT_FOUND'>> {
  const hostname = parseHostname(name);
  if (!hostname.ok || parseDeviceId(name).ok) return problem('NOT_FOUND', `there is no board ${name}`);
  return ok({
    id: must(parseDeviceId('d-000000000000')),
    name: hostname.value,
    ...{ addressing: 'heard', address: undefined, macs: [], serials: [], model: undefined },
    ...{ disk: undefined, firstSeen: instant(0), state: { name: 'seen' }, since: instant(0), deadline: undefined },
  });
}

const refused = ({ name }: Device, { reason }: Transition): Result<never, FinishedImageProblem> =>
  problem('CONFLICT', `${name}: ${reason}`);
const expectedNote = ({ name, address }: Device): string =>
  `a new board is expected from now on: ${name}, ${address}; until it is heard of, bramble reject ${name} drops it`;

const notReady = ({ detail }: Problem): Result<never, FinishedImageProblem> => problem('NOT_READY', detail);

const unseenNote =
  'a board that asks the network before its card is first seen under another name, and waits there: bramble status says what to do';

const cardNotes = (models: readonly Model[]): readonly string[] => [
  `the card starts ${models.join(', ')}; the kit's base image knows no other boards`,
  "keep it: the cluster's key is on it. The board that it is put into writes its own system over it",
];

function netbootNotes(enabled: boolean, eeprom: CardEeprom | undefined): readonly string[] {
  if (!enabled) return [];
  const otp = 'netboot.enable: in a Pi 3B it burns the bit for USB and network boot, which CANNOT BE TAKEN BACK';
  if (eeprom === undefined) {
    return [
      otp,
      'it changes nothing in a Pi 4 or 5: no EEPROM image with recovery.bin was supplied, or none was wanted',
    ];
  }
  const [family, other] = eeprom.chip === '2711' ? ['Pi 4, 400 or CM4', 'Pi 5'] : ['Pi 5, 500 or CM5', 'Pi 4'];
  const first = `in a ${family} it first writes the EEPROM (some ten seconds), restarts the board, and the card starts then`;
  return [otp, `${first}; for a ${other} make a card of its own (--eeprom)`];
}
