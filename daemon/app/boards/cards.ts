/** Finished images for cards: the meeting of the owner's wish with boards, images and the boot kit. */
import { ok, type Problem, problem, type Result } from '../../../config/result.ts';
import type { Config } from '../../../config/schema.ts';
import type { Model } from '../../../config/values.ts';
import { type CardEeprom, type JoinCard, joinCard } from '../../../image-builder/index.ts';
import type { CardDeps, FinishedImageProblem } from '../../http/endpoints/cards.ts';
import type { Device } from '../../lifecycle/device.ts';
import type { Identity } from '../identity.ts';
import type { Site } from '../network/site.ts';
import type { EepromDesk } from './eeproms.ts';
import type { ImageDesk } from './images.ts';
import type { InstallerKit } from './installer-kit.ts';

export type CardDeskDeps = {
  readonly config: Config;
  readonly identity: Pick<Identity, 'clusterId' | 'clusterKey'>;
  readonly images: Pick<ImageDesk, 'whole' | 'bytesFor' | 'findKit'>;
  readonly eeproms: Pick<EepromDesk, 'forCard'>;
  readonly installer: Pick<InstallerKit, 'initramfs'>;
  readonly site: () => Pick<Site, 'address'> | undefined;
  readonly boardNamed: (name: string) => Device | undefined;
  readonly signal: AbortSignal;
};

export function cardDesk(deps: CardDeskDeps): CardDeps {
  const { config, images, signal } = deps;

  const boardImage: CardDeps['boardImage'] = async (name, { most }) => {
    const device = deps.boardNamed(name);
    if (device === undefined) return problem('NOT_FOUND', `there is no board ${name}; "bramble status" lists them`);
    const bytes = await images.bytesFor(device);
    if (!bytes.ok) return notReady(bytes.error);
    if (most !== undefined && bytes.value > most) {
      return problem('TOO_LARGE', `the image of ${name} needs ${bytes.value} bytes, and there is room for ${most}`);
    }
    if (device.state.name !== 'installing') {
      return problem('CONFLICT', `${device.name} is ${device.state.name}: it is not being installed`);
    }
    const source = await images.whole(device, signal);
    if (!source.ok) return notReady(source.error);
    return ok({ source: source.value, notes: [`${device.name} is being installed: its disk gets the same bytes`] });
  };

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
    const initramfs = await deps.installer.initramfs();
    if (!initramfs.ok) return initramfs;
    return await joinCard({
      kit: kit.value,
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

const notReady = ({ detail }: Problem): Result<never, FinishedImageProblem> => problem('NOT_READY', detail);

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
