/**
 * The keys by which a board's sshd is known. The one in its image travelled in the clear; the first session puts another
 * in its place, which is from then on the only one. An image that is made after that gets a new key, and what was known of
 * the system before it goes in the commit in which the new installation begins. Of a card nobody knows whether it is ever put
 * in: the key of the system before it is laid aside until the card's system answers, and is good again if that is called off.
 */
import { randomBytes } from 'node:crypto';
import type { DeviceId } from '../../../config/values.ts';
import type { OwnKeys } from '../../join/index.ts';
import { generateSshKeyPair, type SshKeyPair } from '../../join/keys.ts';
import type { Device } from '../../lifecycle/device.ts';
import type { Write as LifecycleWrite } from '../../lifecycle/runner.ts';
import type { Store, Write } from '../../store/store.ts';

type Board = Pick<Device, 'id' | 'name'>;
type Commit = (batch: readonly Write[]) => Promise<unknown>;

export type HostKeys = {
  /** For an image that is being made. Made and committed at the first call; calls meanwhile get the same. */
  readonly forImage: (board: Board) => Promise<SshKeyPair>;
  /** The same, if there is one already. */
  readonly stored: (board: Board) => SshKeyPair | undefined;
  /** Public lines: one of them is what its sshd shows. Empty: it never had a system of ours. */
  readonly accepted: (board: Pick<Board, 'id'>) => readonly string[];
  readonly own: OwnKeys;
  /** 32 hex digits; made and committed at the first call, the same for good. */
  readonly nodePassword: (board: Pick<Board, 'id'>) => Promise<string>;
  /** The batch, and with each event of another system on a board what that means for its keys. */
  readonly withInstallations: (batch: readonly LifecycleWrite[]) => readonly Write[];
};

/**
 * `next`: in an image that is to take the place of a system whose key is our own. `aside`: that system's, while a card is to take
 * its place; good for nothing. Each has its public line under `.pub`.
 */
const SLOTS = { image: 'ssh-host-key', next: 'ssh-next-key', own: 'ssh-own-key', aside: 'ssh-key-aside' } as const;
/** `planned`: it may be on the board, or not yet. `pinned`: it was shown. */
const OWN_STATE = 'ssh-own-key.state';
const PASSWORD = 'node-password';

export function hostKeys(store: Pick<Store, 'readBoardSecret'> & { readonly commit: Commit }): HostKeys {
  const read = (id: DeviceId, slot: string): SshKeyPair | undefined => {
    const [privateOpenssh, publicLine] = [store.readBoardSecret(id, slot), store.readBoardSecret(id, `${slot}.pub`)];
    return privateOpenssh !== undefined && publicLine !== undefined ? { privateOpenssh, publicLine } : undefined;
  };
  const ownState = (id: DeviceId): string | undefined => store.readBoardSecret(id, OWN_STATE);
  const slotForImage = (id: DeviceId): string => (ownState(id) === undefined ? SLOTS.image : SLOTS.next);

  /** Two may ask at once: a second key would shut out whoever was given the first. */
  const underWay = new Map<string, Promise<unknown>>();
  async function onlyOnce<T>(what: string, make: () => Promise<T>): Promise<T> {
    while (underWay.has(what)) await underWay.get(what)?.catch(() => undefined);
    const making = make().finally(() => underWay.delete(what));
    underWay.set(what, making);
    return await making;
  }

  const keyIn = (slot: string, { id, name }: Board, besides: readonly Write[] = []): Promise<SshKeyPair> =>
    onlyOnce(`${id} ${slot}`, async () => {
      const known = read(id, slot);
      if (known !== undefined) return known;
      const made = generateSshKeyPair(name);
      await store.commit([...put(id, slot, made), ...besides]);
      return made;
    });

  return {
    forImage: (board) => keyIn(slotForImage(board.id), board),
    stored: ({ id }) => read(id, slotForImage(id)),
    accepted: ({ id }) => {
      const [image, own] = [read(id, SLOTS.image)?.publicLine, read(id, SLOTS.own)?.publicLine];
      const lines = ownState(id) === 'pinned' ? [own] : [own, image];
      return lines.filter((line) => line !== undefined);
    },
    own: {
      pinned: (id) => (ownState(id) === 'pinned' ? read(id, SLOTS.own)?.publicLine : undefined),
      plan: (board) => keyIn(SLOTS.own, board, [secret(board.id, OWN_STATE, 'planned')]),
      pin: async (id) => {
        await store.commit([secret(id, OWN_STATE, 'pinned')]);
      },
    },
    nodePassword: ({ id }) =>
      onlyOnce(`${id} ${PASSWORD}`, async () => {
        const known = store.readBoardSecret(id, PASSWORD);
        if (known !== undefined) return known;
        const made = randomBytes(16).toString('hex');
        await store.commit([secret(id, PASSWORD, made)]);
        return made;
      }),
    withInstallations: (batch) =>
      batch.flatMap((write) => (write.write === 'append-event' ? [write, ...meaning(write)] : [write])),
  };

  function meaning(write: Appended): readonly Write[] {
    const id = write.device;
    const [own, next, aside] = [read(id, SLOTS.own), read(id, SLOTS.next), read(id, SLOTS.aside)];
    if (isFlashed(write)) return Object.values(SLOTS).flatMap((slot) => clear(id, slot));
    if (beginsInstallation(write)) {
      const known = own !== undefined && ownState(id) !== undefined;
      const keep =
        write.event.event === 'card-made' ? (known ? put(id, SLOTS.aside, own) : []) : clear(id, SLOTS.aside);
      const renewed = next === undefined ? [] : [...put(id, SLOTS.image, next), ...clear(id, SLOTS.next)];
      return [...keep, ...renewed, ...clear(id, SLOTS.own)];
    }
    if (aside === undefined || write.from !== 'starting' || write.to === 'starting') return [];
    // Its card was put in, or the card is not waited for any more, and may be put in all the same: either key is good.
    const restored =
      write.event.event === 'ssh-answered' ? [] : [...put(id, SLOTS.own, aside), secret(id, OWN_STATE, 'planned')];
    return [...restored, ...clear(id, SLOTS.aside)];
  }

  /** Deletes what is there. */
  function clear(id: DeviceId, slot: string): readonly Write[] {
    const all = slot === SLOTS.own ? [slot, `${slot}.pub`, OWN_STATE] : [slot, `${slot}.pub`];
    return all.filter((key) => store.readBoardSecret(id, key) !== undefined).map((key) => drop(id, key));
  }
}

type Appended = Extract<LifecycleWrite, { write: 'append-event' }>;

/** A copy of the image that a board is being given already begins nothing. */
const beginsInstallation = ({ event, to }: Appended): boolean =>
  (event.event === 'image-made' && to === 'installing') || (event.event === 'card-made' && to === 'starting');

/**
 * Somebody wrote its system by hand. The first login goes to whoever answers: it takes along no key that was ever good for
 * anything. Another try at it finds the key that was made for this one.
 */
const isFlashed = ({ event, to }: Appended): boolean => event.event === 'adopt-requested' && to === 'adopting';

const secret = (device: DeviceId, key: string, value: string): Write => ({
  ...{ write: 'put-board-secret', device, key, value },
});
const drop = (device: DeviceId, key: string): Write => ({ write: 'delete-board-secret', device, key });
const put = (device: DeviceId, slot: string, { privateOpenssh, publicLine }: SshKeyPair): readonly Write[] => [
  secret(device, slot, privateOpenssh),
  secret(device, `${slot}.pub`, publicLine),
];
