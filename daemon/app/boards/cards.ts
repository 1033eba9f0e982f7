/** Finished images for cards: the meeting of the owner's wish with boards, images and the boot kit. */
import { ok, type Problem, problem, type Result } from '../../../config/result.ts';
import type { Config } from '../../../config/schema.ts';
import type { Model } from '../../../config/values.ts';
import { type JoinCard, joinCard } from '../../../image-builder/index.ts';
import type { CardDeps, FinishedImageProblem } from '../../http/endpoints/cards.ts';
import type { Device } from '../../lifecycle/device.ts';
import type { Identity } from '../identity.ts';
import type { Site } from '../network/site.ts';
import type { ImageDesk } from './images.ts';
import type { InstallerKit } from './installer-kit.ts';

export type CardDeskDeps = {
  readonly config: Config;
  readonly identity: Pick<Identity, 'clusterId' | 'clusterKey'>;
  readonly images: Pick<ImageDesk, 'whole' | 'bytesFor' | 'findKit'>;
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

  /** Tens of megabytes each: made for one at a time, and for all who ask meanwhile. */
  let making: Promise<Result<JoinCard, Problem>> | undefined;

  const card: CardDeps['joinCard'] = async () => {
    making ??= makeCard().finally(() => {
      making = undefined;
    });
    const made = await making;
    return made.ok ? ok({ source: made.value.source, notes: cardNotes(made.value.models) }) : notReady(made.error);
  };

  async function makeCard(): Promise<Result<JoinCard, Problem>> {
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
      enableNetboot: false,
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
