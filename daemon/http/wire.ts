/** The HTTP API's types: all that `cli/` and the status page see of the daemon. `/v1`; fields are only ever added. */
export type * from './wire/keeping.ts';

/** `GET /v1/status`: one consistent snapshot. */
export type StatusView = {
  /** Grows with every commit; the same number means the same state. */
  readonly revision: number;
  /** RFC 3339, UTC, as are all times here. */
  readonly generatedAt: string;
  readonly version: string;
  readonly master: MasterView;
  readonly devices: readonly DeviceView[];
  /** Raspberry Pis on this network that run a system of their own and are not ours, as they announce themselves. */
  readonly strangers: readonly StrangerView[];
  /** Machines that are no boards and have an address of ours (`dhcp.guests`). */
  readonly guests: readonly GuestView[];
};

export type StrangerView = { readonly name: string; readonly address: string; readonly mac: string };

/** What it calls itself and its hardware address are null until it was heard since the daemon started. */
export type GuestView = { readonly address: string; readonly mac: string | null; readonly hostname: string | null };

export type MasterView = {
  readonly hostname: string;
  readonly interface: string | null;
  readonly address: string | null;
  /**
   * What is done now. `searching`: another DHCP server is looked for, and boards that are not known wait. `deaf`: they wait
   * since nobody can look for one. `narrowed`: one was heard, and only known boards are answered.
   */
  readonly dhcpMode: 'searching' | 'deaf' | 'full' | 'narrowed' | 'proxy' | 'off';
  readonly admission: string;
  /** Somebody opened it: so many boards are accepted by themselves, whatever the mode; null where it is not open. */
  readonly open: OpeningView | null;
  readonly cluster: { readonly driver: string; readonly reachable: boolean; readonly detail: string };
  /** Boards are not served and wait for the owner: no usable network, a service that cannot run, a second DHCP server … */
  readonly degraded: boolean;
  /** What the owner should do next, most important first; empty when all is well. */
  readonly advice: readonly string[];
  readonly traffic: TrafficView;
};

/** `GET /v1/admission/open`: `{"open":OpeningView|null}`; `POST` with `OpeningRequest` answers the same. Unix socket only. */
export type OpeningView = { readonly by: string; readonly boards: number; readonly secondsLeft: number };
export type OpeningAnswer = { readonly open: OpeningView | null };
/** `boards` 0 closes it. */
export type OpeningRequest = { readonly boards: number; readonly seconds: number; readonly by: string };

/** Since the daemon started: datagrams of `dhcp` and `mdns`, requests of `tftp` and `http`, by what became of them. */
export type TrafficView = Readonly<Record<'dhcp' | 'tftp' | 'mdns' | 'http', TrafficCounts>>;
export type TrafficCounts = {
  readonly answered: number;
  /** The same as one that was in work. */
  readonly repeated: number;
  /** Understood, and not for the daemon to answer. */
  readonly ignored: number;
  /** No such file, no address for strangers … */
  readonly refused: number;
  /** By a fault of the daemon; its log says which. */
  readonly failed: number;
  /** These four are what `bramble status -o wide` calls dropped. */
  readonly malformed: number;
  /** Beyond what one sender may send, or all unknown ones together. */
  readonly flood: number;
  /** Too much was in work. */
  readonly capacity: number;
  /** The kernel had no room for it. */
  readonly overrun: number;
};

/** `GET /v1/devices/NAME`, and each row of the status. */
export type DeviceView = {
  readonly id: string;
  readonly name: string;
  /** Null until it is known, beside a router that gives the addresses. */
  readonly address: string | null;
  readonly macs: readonly string[];
  readonly serials: readonly string[];
  readonly model: string | null;
  readonly state: string;
  /** In plain words: why it is in this state, or what it waits for. */
  readonly why: string;
  /** What the owner has to do for it, a command or a deed; null where nothing is asked of anybody. */
  readonly deed: string | null;
  /** It runs a system that somebody flashed, and `accept` takes it in with that, by its first login: nothing on it is lost. */
  readonly adoptable: boolean;
  readonly since: string;
  readonly deadline: string | null;
  /** 0 to 1 while it installs. */
  readonly progress: number | null;
};

/** `GET /v1/devices/NAME/describe`. */
export type DeviceDescription = DeviceView & {
  readonly firstSeen: string;
  /** Which of its disks is the one that may be written, or was, as its installer told; null where that is not known. */
  readonly disk: DiskView | null;
  /** As its installer told; null where that is not known any more. */
  readonly memoryBytes: number | null;
  /** Of the last boot that was watched, oldest first. */
  readonly timeline: readonly TimelineEntry[];
  /** Those before it, as far as they are remembered, oldest first. */
  readonly earlierBoots: readonly (readonly TimelineEntry[])[];
  /** Why it stops; null where it gets on, or nobody can tell. */
  readonly diagnosis: DiagnosisView | null;
  /** As its own system told, now and then; null where it was not asked yet, or has none of ours. */
  readonly health: HealthView | null;
  /** What its installer said when it last failed; empty if it did not. */
  readonly installerLog: readonly string[];
  /** The last lines of the program on the board that made it fail; empty if none did. */
  readonly failedOutput: readonly string[];
  /** Fingerprints as OpenSSH shows them: its sshd has one of these keys. Empty: it never had a system of ours. */
  readonly hostKeys: readonly string[];
  readonly events: readonly EventView[];
};

export type DiskView = {
  /** The kernel's at that start: `mmcblk0`. Empty with content `none`. */
  readonly name: string;
  readonly type: string;
  /** What it calls itself; may be empty. */
  readonly model: string;
  readonly bytes: number;
  /** `blank`, `empty` (factory-formatted, no files), `ours`, `foreign`, or `none`: it has none that may be written. */
  readonly content: string;
};

/** One step of the board's way from power-on to Ready. `seconds` counts from its first packet of this boot. */
export type TimelineEntry = { readonly at: string; readonly seconds: number; readonly what: string };

/** `GET /v1/events?after=ID&device=NAME&follow=1` (with `follow`: one JSON object a line, for ever). */
export type EventView = {
  readonly id: number;
  readonly at: string;
  /** Empty, as `from` and `to`: it is none of a board. */
  readonly device: string;
  readonly event: string;
  readonly from: string;
  readonly to: string;
  readonly reason: string;
};

/** `GET /v1/events` without `follow`: oldest first. */
export type EventList = { readonly events: readonly EventView[] };

/** What is asked for a board by its name: `POST /v1/devices/NAME/ACTION`. */
export const actions = ['accept', 'reject', 'retry', 'reinstall', 'wipe', 'leave', 'forget', 'locate'] as const;
export type Action = (typeof actions)[number];
/** `force`: also to the board that carries the cluster, which ends with it. */
export type ActionRequest = { readonly by?: string; readonly force?: boolean };
/** `POST /v1/devices/NAME/replace`: the board `with` takes the place of NAME. `loseData`: also while volumes lie on its disk. */
export type ReplaceRequest = { readonly by?: string; readonly with: string; readonly loseData?: boolean };
/** As it then is; of a board that was forgotten, as it was. */
export type ActionResult = { readonly device: DeviceView };

/** `POST /v1/access`, on the unix socket only: a certificate that lets `user` into the cluster as an administrator. */
export type AccessRequest = {
  readonly user: string;
  /** PKCS#10 as PEM: CN=`user`, O=bramble:admins. Its key stays where it was made. */
  readonly request: string;
  /** Wanted; the cluster may give fewer. */
  readonly days: number;
  readonly by: string;
};
export type AccessAnswer = {
  /** PEM, as is `ca`, which is empty where the server's certificate is one that everybody trusts. */
  readonly certificate: string;
  readonly ca: string;
  readonly until: string;
  /** `https://master.local:6443`. */
  readonly server: string;
  /** The same by the master's address; null where the server is elsewhere, or is not named so. */
  readonly address: string | null;
  /** What the owner should know of it. */
  readonly note: string | null;
};

/** `GET /v1/devices/NAME/image/files`, on the unix socket only: what goes into the board's image beside its base. */
export type ImageFilesView = {
  readonly device: string;
  /** The base's name and how it takes its settings at the first boot. */
  readonly base: string;
  readonly format: string;
  /** As they are in the image that is being installed. Otherwise those of its next one, which will have another arming. */
  readonly made: boolean;
  /** What the owner should know of it. */
  readonly notes: readonly string[];
  readonly files: readonly ImageFileView[];
};

export type ImageFileView = {
  /** On the boot partition. */
  readonly path: string;
  readonly bytes: number;
  readonly secret: boolean;
  /** With `*** secret, 411 bytes ***` in the place of every secret; null for what is no text. */
  readonly text: string | null;
};

/** With an image: what its owner should know of it, a JSON list of sentences in ASCII. */
export const notesHeader = 'x-bramble-notes';

/** Every answer that is not 2xx. `code` is stable, `message` is for people and says what to do. */
export type ErrorBody = {
  readonly code: ErrorCode;
  readonly message: string;
  readonly details?: Readonly<Record<string, unknown>>;
};
export type ErrorCode =
  | 'NOT_FOUND'
  | 'BAD_REQUEST'
  | 'FORBIDDEN'
  | 'CONFLICT'
  | 'NOT_READY'
  | 'TOO_LARGE'
  | 'TOO_MANY'
  | 'METHOD_NOT_ALLOWED'
  | 'INTERNAL';

/** Why a board stops. `code` is stable; `deed` is what to do about it. */
export type DiagnosisView = { readonly code: string; readonly sentence: string; readonly deed: string };
/** `signs` is empty of a board that is well: what is wrong with its power, its heat and its disk, in plain words. */
export type HealthView = { readonly at: string; readonly signs: readonly HealthSign[] };
/** `deed`: null where nothing is asked of anybody. */
export type HealthSign = { readonly sentence: string; readonly deed: string | null };

/** `POST /v1/login`, on the unix socket only: a code that is worth one session on the status page. */
export type LoginRequest = { readonly by: string };
export type LoginAnswer = {
  /** To the page with the code, by the master's name first, then by its addresses. Empty: the page is not served yet. */
  readonly links: readonly string[];
  /** So long it can be used, once. */
  readonly secondsLeft: number;
};
/** `GET /v1/session`, and what `POST /v1/session` with `{"code":"…"}` answers, on the LAN. Null: reading only. */
export type SessionAnswer = {
  readonly session: { readonly by: string; readonly csrf: string; readonly secondsLeft: number } | null;
};
/** `GET /v1/workloads`: what runs where, and what it can be reached by. */
export type WorkloadsView = {
  /** False while the cluster was not heard yet, or with Kubernetes too old for it. */
  readonly known: boolean;
  /** Of each owner that wants replicas; those of kube-system are left out. */
  readonly spread: readonly SpreadView[];
  readonly services: readonly ServiceView[];
};
/** Pods that are Ready, by Node. */
export type SpreadView = {
  readonly title: string;
  readonly wanted: number;
  readonly ready: number;
  readonly nodes: Readonly<Record<string, number>>;
};
export type ServiceView = {
  /** `namespace/name`. */
  readonly name: string;
  readonly type: string;
  readonly ports: readonly ServicePortView[];
};
export type ServicePortView = {
  readonly name: string;
  readonly protocol: string;
  readonly port: number;
  /** Where a browser reaches it from the LAN, the best first: `http://192.168.1.201:30080/`. Empty: it does not. */
  readonly links: readonly string[];
};
