/** What people type, by command: help, the man page and the tests of the documents take them from here. */
export type Example = readonly [line: string, does: string];

export const examples: Readonly<Record<string, readonly Example[]>> = {
  setup: [
    ['bramble setup --dry-run', 'what it would do'],
    ['sudo bramble setup', 'the same, asks once, and does it'],
    ['sudo bramble setup --yes', 'takes the defaults, asks nothing'],
    ['sudo bramble setup --interface eth1 --uplink wlan0', 'boards on a switch of their own'],
  ],
  status: [
    ['bramble status', 'the boards, sick ones first, and what to do next; also: bramble'],
    ['bramble status -w', 'the same, live'],
    ['bramble status --state failed pending', 'only boards in these states'],
    ['bramble status -o name --model pi4', 'names, for a script'],
  ],
  describe: [
    ['bramble describe worker-kube1', 'its way from power-on to Ready, and its last events'],
    ['bramble describe worker-kube1 -o json', 'the same for a program'],
  ],
  events: [
    ['bramble events worker-kube1', 'what happened to one board'],
    ['bramble events -w -o json', 'what happens from now on, too, one object a line'],
  ],
  accept: [
    ['bramble accept worker-kube4', 'this board, whatever its disk holds'],
    ['bramble accept --all', 'every board that waits; asks where data would be lost'],
    ['bramble accept --model pi4 --yes', 'every Pi 4 that waits, without asking'],
  ],
  reject: [['bramble reject worker-kube4', 'it gets an address and nothing else']],
  retry: [['bramble retry --all', 'each failed board goes on where it failed']],
  leave: [['bramble leave worker-kube1', 'out of the cluster; its system stays']],
  forget: [['bramble forget worker-kube1', 'a board that left and is gone for good']],
  locate: [['bramble locate worker-kube4', 'its light blinks']],
  reinstall: [
    ['bramble reinstall worker-kube1', 'its system anew, once; asks first'],
    ['bramble reinstall --all --yes', 'a whole shelf'],
  ],
  wipe: [['bramble wipe worker-kube1', 'out of the cluster, and its disk cleared']],
  replace: [['bramble replace worker-kube1 --with worker-kube7', 'the new board takes name, address and labels']],
  open: [
    ['bramble open 5 --for 10m', 'lets five new boards in'],
    ['bramble open 0', 'closes it'],
  ],
  drain: [['bramble drain worker-kube1', 'its pods go to the others']],
  uncordon: [['bramble uncordon worker-kube1', 'it gets work again']],
  shutdown: [
    ['bramble shutdown --all', 'every board, then this machine'],
    ['bramble shutdown --all --keep-master', 'every board'],
    ['bramble shutdown worker-kube1', 'one board, drained first'],
  ],
  startup: [['bramble startup', 'what was switched off comes back']],
  balance: [
    ['bramble balance --dry-run', 'what would be moved, and why'],
    ['bramble balance', 'move it'],
  ],
  'balance pause': [['bramble balance pause --for 2h', 'move nothing meanwhile']],
  'balance resume': [['bramble balance resume', 'go on']],
  failover: [['bramble failover', 'what is seen of each board']],
  'failover pause': [['bramble failover pause --for 1h', 'while the switch is exchanged, say']],
  'failover resume': [['bramble failover resume', 'go on']],
  'confirm-off': [['bramble confirm-off worker-kube1', 'after its plug was pulled']],
  'image add': [['sudo bramble image add raspios-lite.img.xz', 'as it is published; nothing has to be unpacked']],
  'image list': [['bramble image list', 'what was imported']],
  'image show': [['bramble image show raspios-lite', 'its system, partitions and sums']],
  'image verify': [['sudo bramble image verify raspios-lite', 'is it still what was imported?']],
  'image remove': [['sudo bramble image remove raspios-lite', 'refused while it is used']],
  'image render': [['bramble image render worker-kube1', 'every file for it, without its secrets']],
  'image build': [['bramble image build --for web1 --new -o web1.img', 'a finished image of a new board']],
  'image join-card': [['bramble image join-card -o card.img', 'the card that installs any board']],
  'image flash': [
    ['sudo bramble image flash --join-card /dev/sdb', 'a join card; asks first'],
    ['sudo bramble image flash --for worker-kube1 /dev/sdb', 'the card of one board'],
  ],
  'cluster fetch': [
    ['sudo bramble cluster fetch', 'k3s, for this machine and the boards'],
    ['sudo bramble cluster fetch --from /media/usb', 'the same without internet'],
  ],
  'cluster install': [
    ['sudo bramble cluster install', 'this machine becomes the server'],
    ['sudo bramble cluster install --kubeconfig admin.conf', 'a cluster that is there already'],
  ],
  'cluster show': [['bramble cluster show', 'what is there, and what is missing']],
  kubeconfig: [['bramble kubeconfig --merge', 'a certificate of your own for kubectl']],
  doctor: [
    ['sudo bramble doctor', 'what keeps boards from being installed'],
    ['bramble doctor --at 10.55.0.1', 'from another machine: does the master answer?'],
  ],
  version: [['bramble version', 'of this program and of the daemon']],
  'config show': [['bramble config show', 'what is in force, defaults and all']],
  'config check': [['sudo bramble config check', 'before the daemon is started again']],
  'config path': [['bramble config path', 'which file that is']],
  login: [['bramble login', 'a link to the status page that lets you act there']],
  backup: [['sudo bramble backup -o bramble-backup.tar.gz', 'boards, keys and the cluster in one file']],
  restore: [
    ['sudo bramble restore bramble-backup.tar.gz', 'on a new master, say; asks first'],
    ['sudo bramble restore --newest', 'the last good copy of the database'],
  ],
  logs: [
    ['bramble logs worker-kube1', 'what the daemon says of one board'],
    ['bramble logs -f', 'everything, as it comes'],
  ],
  support: [['sudo bramble support -o bundle.tar.gz', 'one file for whoever helps']],
  completion: [
    ['source <(bramble completion bash)', 'for this shell; the package brings it for all'],
    ['bramble completion zsh', 'the function _bramble'],
  ],
};
