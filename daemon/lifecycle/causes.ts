/** Every code with which a board can fail: what it means in plain words, and what to do about it. Pure. */
import type { Hostname } from '../../config/values.ts';

export type Cause = {
  /** Of the board ("its …"); no full stop. */
  readonly cause: string;
  /** Before `bramble retry`: as an order, without the board's name. Undefined: trying again is all. */
  readonly first?: string;
  /** Instead of `bramble retry`. */
  readonly command?: (name: Hostname) => string;
};

const reinstall = (name: Hostname): string => `bramble reinstall ${name}`;
const mendCluster = 'look at `bramble status`: it says what is wrong with the cluster';
const otherImage = 'import the image again (`bramble image add`)';
const otherDisk = 'put another card or disk in: this one does not keep what is written to it';
const cable = 'look at its network cable and its power';

/** By the order of a board's life. */
const exact: Readonly<Record<string, Cause>> = {
  // Its image.
  NO_BASE: { cause: 'there is no image for it', first: 'import one (`bramble image add FILE`)' },
  BASE_NOT_FOUND: { cause: 'the image that it is to get is not there', first: otherImage },
  NOT_COMPATIBLE: {
    cause: 'the image does not fit this model, or the way it is to join',
    first: 'import one that does, or name it in `images`',
  },
  NO_NETWORK: { cause: 'the network of the boards is not known', first: 'look at `bramble status`' },
  ADDRESS_UNKNOWN: { cause: 'its address is not known', first: 'switch it on, so that it is heard' },
  ADDITION_NOT_READ: { cause: 'a file that you add to the images cannot be read', first: 'mend `images.files`' },
  ADDITIONS_TOO_LARGE: { cause: 'what you add to the images is too large', first: 'add less (`images.files`)' },
  PLAN_NO_FIRST_BOOT: { cause: 'the image has no way to be set up at its first start', first: 'import another one' },
  IMAGE_GONE: { cause: 'its image is not there any more' },
  IMAGE_IO: { cause: 'the master could not read or write its image', first: 'look at the disk of the master' },
  NO_BUSYBOX: { cause: 'the installer cannot be made on this master', first: 'install the package that is named' },
  KIT_INCOMPLETE: { cause: 'the boot kit lacks files for this model', first: 'import a newer Raspberry Pi OS' },
  KIT_LACKS: { cause: 'the boot kit lacks files for this model', first: 'import a newer Raspberry Pi OS' },
  MODULE_NOT_FOUND: {
    cause: 'the boot kit lacks a driver that the installer needs',
    first: 'import a newer Raspberry Pi OS',
  },
  FIRMWARE_TOO_OLD: { cause: 'the boot kit is older than this model', first: 'import a newer Raspberry Pi OS' },
  // Its installation.
  NO_DISK: { cause: 'it has no disk that may be written', first: 'put a card in, or change `images.disk`' },
  DISK_TOO_SMALL: { cause: 'its disk is too small', first: 'put a larger one in' },
  DISK_FOREIGN: { cause: 'its disk holds data that is not ours', first: 'put its own disk in' },
  DISK_WRITE_FAILED: { cause: 'its disk cannot be written', first: otherDisk },
  DISK_READ_FAILED: { cause: 'its disk cannot be read back', first: otherDisk },
  VERIFY_FAILED: { cause: 'its disk does not hold what was written to it', first: otherDisk },
  DOWNLOAD_FAILED: { cause: 'its image did not arrive whole', first: cable },
  SECTORS_FAILED: { cause: 'its own settings did not arrive whole', first: cable },
  ORDER_UNREADABLE: {
    cause: 'its installer is of another version',
    first: 'switch it off and on, or write its join card anew',
  },
  CARD_UNREADABLE: { cause: 'the card that it was started from cannot be read', first: 'write the join card anew' },
  CARD_WITHOUT_INSTALLER: {
    cause: 'it was not started from the card that is in it',
    first: 'take one of its cards out',
  },
  BASE_DIFFERS: { cause: 'its disk holds another image than was sent', first: otherDisk },
  INSTALL_TIMEOUT: { cause: 'its installation did not end', first: 'look whether it has power' },
  // Its installer, started over SSH.
  NO_HOST_KEY: { cause: 'it never had a system of ours', first: 'insert a join card' },
  BOOT_FOREIGN: { cause: 'its boot partition is not one that we made', first: 'insert a join card' },
  BOOT_FULL: { cause: 'its boot partition has no room for the installer', first: 'insert a join card' },
  BOOT_WRITE_FAILED: { cause: 'its boot partition cannot be written', first: otherDisk },
  MAC_UNKNOWN: { cause: 'its network adapter is not known', first: 'switch it off and on' },
  OTHER_SYSTEM: { cause: 'another system answers than the one that is being installed', first: 'switch it off and on' },
  // Its start.
  START_TIMEOUT: { cause: 'its system does not answer', first: 'look at its screen, its power and its cable' },
  HOST_KEY_CHANGED: {
    cause: 'whoever answers at its address has another host key: another machine, or another system on its disk',
    first: 'nothing was sent to it; find out what it is',
    command: reinstall,
  },
  SSH_HOST_KEY_CHANGED: {
    cause: 'whoever answers at its address has another host key: another machine, or another system on its disk',
    first: 'nothing was sent to it; find out what it is',
    command: reinstall,
  },
  HOST_KEY_NOT_REPLACED: { cause: 'its host key could not be changed for one that was never on the network' },
  SSH_REFUSED: { cause: 'its system takes no SSH connections', first: 'look at its screen: sshd does not run' },
  SSH_TIMEOUT: { cause: 'its system does not answer over SSH', first: cable },
  SSH_AUTH: {
    cause: 'its system does not let our key in',
    first: 'somebody changed its authorised keys: if that was not you, look at it',
    command: reinstall,
  },
  SSH_CLOSED: { cause: 'the connection to it was cut', first: cable },
  PUT_FILE_FAILED: { cause: 'a file could not be written on it', first: 'look whether its disk is full, or broken' },
  SERIAL_DIFFERS: {
    cause: 'its disk or card is in another Pi: its host key is right, and its serial number is not',
    first: 'put it back into its own Pi, or give that one its place (`bramble replace`)',
  },
  // Its clock.
  CLOCK_WRONG: {
    cause: 'the clock is wrong, and certificates would not be valid',
    first: 'set the clock of the master',
  },
  CLOCK_UNREADABLE: { cause: 'its clock cannot be read' },
  CLOCK_NOT_SET: { cause: 'its clock is wrong and cannot be set' },
  FIRST_LOGIN: {
    cause: 'the system that was flashed on it does not let us in with `join.firstLogin`',
    first: 'see that the login is right',
  },
  // Its join.
  DRIVER_MISSING: {
    cause: 'boards cannot be joined to this kind of cluster',
    first: 'choose another `cluster.driver`',
  },
  PROBE_FAILED: { cause: 'it could not be found out what is installed on it' },
  STEP_TIMEOUT: { cause: 'a step of its join took too long, and was cut', first: cable },
  TRANSFER_FAILED: { cause: 'the programs of the cluster could not be brought to it', first: cable },
  CHECKSUM_WRONG: { cause: 'what arrived on it is not what was sent', first: otherDisk },
  DISK_FULL: { cause: 'its disk is full', first: 'make room on it, or put a larger one in' },
  K3S_FILES_MISSING: { cause: 'the master has no k3s for it', first: 'fetch it (`bramble cluster fetch`)' },
  KUBEADM_MISSING: { cause: 'kubeadm is not installed on it', first: 'use an image that has it' },
  ARCH_UNSUPPORTED: { cause: 'Kubernetes does not run on its processor', command: (name) => `bramble reject ${name}` },
  KERNEL_TOO_OLD: { cause: 'its kernel is too old', first: 'use a newer image', command: reinstall },
  AGENT_ENDS: { cause: 'k3s ends as soon as it is started on it', first: 'look at its last words' },
  SYSTEMD_MISSING: { cause: 'its system has no systemd', first: 'use another image', command: reinstall },
  CGROUP_MEMORY_OFF: { cause: 'its kernel does not count memory for containers', first: 'restart it once' },
  NO_DEFAULT_ROUTE: { cause: 'it has no default route, which k3s needs', first: 'look at the gateway of its network' },
  K3S_SERVER_ON_BOARD: {
    cause: 'it is a server of a k3s cluster itself, and is not touched',
    command: (name) => `bramble reject ${name}`,
  },
  CA_MISSING: { cause: 'the kubeconfig does not say who signs for the cluster', first: mendCluster },
  SERVER_NOT_TRUSTED: { cause: 'the server of the cluster is not the one that the master knows', first: mendCluster },
  SERVER_UNREACHABLE: {
    cause: 'it does not reach the server of the cluster',
    first: 'look at firewall and routes of the master',
  },
  TOKEN_REFUSED: { cause: 'the cluster does not take its join token' },
  TOKEN_NOT_DELETED: { cause: 'its old join token cannot be deleted', first: mendCluster },
  NODE_PASSWORD_REJECTED: {
    cause: 'the cluster keeps its name for another machine',
    first: 'delete the Node of that name',
  },
  CSR_REFUSED: { cause: 'it asked for a certificate that it must not have', first: 'look at what runs on it' },
  CSR_REPLACED: { cause: 'its certificate request was changed under way', first: 'look at what runs on it' },
  // Of kube-config.
  INSTALL_FAILED: {
    cause: 'the programs of the cluster could not be installed on it',
    first: 'see that it reaches the internet',
  },
  ADDRESS_NOT_FIXED: {
    cause: 'it has no permanent address, by which its Node would be named',
    first: 'name a range (`addresses`)',
  },
  BOARD_RESTARTS: { cause: 'it restarts' },
  RESTART_FAILED: { cause: 'it does not restart', first: 'switch it off and on' },
  CGROUPS_MISSING: { cause: 'its kernel does not count memory for containers', first: 'look at its /boot/cmdline.txt' },
  MASTER_MISSING: {
    cause: 'the board that carries the cluster is not there yet',
    first: 'switch it on, and accept it',
  },
  MASTER_NOT_READY: { cause: 'the master of the cluster is not Ready', first: mendCluster },
  JOIN_FAILED: { cause: 'the program that joins it failed' },
  JOIN_INCOMPLETE: { cause: 'its join came to an end, and something of it is missing' },
  JOIN_TIMEOUT: { cause: 'its join did not come to an end' },
  RESET_FAILED: { cause: 'what an earlier join left on it cannot be removed', command: reinstall },
  LEAVE_FAILED: { cause: 'what an earlier join left on it cannot be removed', command: reinstall },
  NODE_MISSING: {
    cause: 'it joined, and no Node of it appeared',
    first: 'look at the log of its kubelet or k3s-agent',
  },
  NODE_NOT_READY: { cause: 'its Node does not become Ready', first: 'look at the log of its kubelet or k3s-agent' },
  NAME_CONTESTED: {
    cause: 'somebody else asked the cluster for its name while it joined',
    first: 'find out who: `bramble status` names Nodes that are not ours',
  },
  NODE_NAME_TAKEN: { cause: 'the cluster has a Node of its name that is another machine', first: 'delete that Node' },
  NODE_ADDRESS_MISMATCH: {
    cause: 'its Node has another address than the board',
    first: 'look at its network configuration',
  },
  NODE_LABEL_MISMATCH: { cause: 'its Node says that it is another board', first: 'delete that Node' },
  NODE_REPLACED: { cause: 'its Node was made anew meanwhile' },
  NODE_DELETED: { cause: 'its Node was deleted' },
  // Switching it off.
  SWITCH_OFF_FAILED: { cause: 'it does not switch itself off', first: 'switch it off by hand' },
  // The cluster.
  API_UNREACHABLE: { cause: 'the cluster does not answer', first: mendCluster },
  API_UNAUTHORIZED: { cause: 'the cluster does not know us', first: mendCluster },
  API_FORBIDDEN: { cause: 'the cluster does not allow us what joining needs', first: mendCluster },
  API_NOT_FOUND: { cause: 'the cluster does not have what joining needs', first: mendCluster },
  API_CONFLICT: { cause: 'somebody else changed the same in the cluster' },
  API_INVALID: { cause: 'the cluster does not take what we ask', first: mendCluster },
  API_GONE: { cause: 'the cluster has forgotten what we asked about' },
  API_FAILED: { cause: 'the cluster answers with an error', first: mendCluster },
  API_BUSY: { cause: 'the cluster has too much to do' },
};

/** One cause each, whatever it is in detail. */
const families: readonly (readonly [prefix: string, cause: Cause])[] = [
  ['BASE_', { cause: 'the image that it is to get is damaged', first: otherImage }],
  ['FAT_', { cause: 'the boot partition of its image cannot be read or changed', first: otherImage }],
  ['PARTITION_', { cause: 'the partitions of its image cannot be read', first: otherImage }],
  ['OVERLAY_', { cause: 'its own part of the image is damaged; it is made anew' }],
  ['INITRAMFS_', { cause: 'the installer cannot be made', first: 'look at the log of the master' }],
  [
    'PLAN_',
    { cause: 'its settings cannot be written into the image', first: 'mend what the detail names in bramble.yaml' },
  ],
];

/** Undefined: of an installer or a driver of another version. Its own detail then says it all. */
export const causeOf = (code: string): Cause | undefined =>
  Object.hasOwn(exact, code) ? exact[code] : families.find(([prefix]) => code.startsWith(prefix))?.[1];
