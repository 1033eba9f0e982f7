/** Which base a board runs and what is put into it: the meeting of a board with the image builder's plans. */
import { ok, type Problem, problem, type Result } from '../../../config/result.ts';
import type { Config } from '../../../config/schema.ts';
import type { Model } from '../../../config/values.ts';
import {
  type Base,
  type BoardPlan,
  type BoardWish,
  type ExistingBootFiles,
  existingBootFiles,
  incompatibility,
  listBootFiles,
  planBoard,
  type StaticAddress,
  securityNote,
} from '../../../image-builder/index.ts';
import type { SshKeyPair } from '../../join/keys.ts';
import type { Device } from '../../lifecycle/device.ts';
import type { Site } from '../network/site.ts';
import { readAdditions } from './additions.ts';
import type { BaseShelf } from './base-shelf.ts';

export type BoardPlanDeps = {
  readonly config: Config;
  readonly clusterId: string;
  /** The daemon's public key, authorised on every board. */
  readonly authorizedKey: string;
  /** What stands in the network configuration of a board whose address is ours; undefined leaves that to DHCP. */
  readonly site: () => Pick<Site, 'subnet' | 'gateway' | 'dns'> | undefined;
};

/** What this one image has of its own, beside what is known of the board. */
export type ImageIdentity = {
  readonly arming: string;
  /** Asked for once nothing speaks against the image. */
  readonly hostKey: () => SshKeyPair | Promise<SshKeyPair>;
};

export type BoardPlanner = {
  /** Which base, before anything else is looked at; the caller closes it. */
  readonly baseFor: (device: Device) => Promise<Result<Base, Problem>>;
  /** Stores nothing and writes nothing. */
  readonly plan: (device: Device, base: Base, identity: ImageIdentity) => Promise<Result<BoardPlan, Problem>>;
};

export function boardPlanner(bases: BaseShelf, deps: BoardPlanDeps): BoardPlanner {
  const { config } = deps;

  async function baseFor(device: Device): Promise<Result<Base, Problem>> {
    const model = device.model?.model;
    const record = await bases.named((model && config.images.models[model]) ?? config.images.default);
    if (!record.ok) return record;
    const base = await bases.open(record.value);
    return base === undefined
      ? problem('BASE_DAMAGED', `the base image ${record.value.name} cannot be opened`)
      : ok(base);
  }

  /** Looked through once for each model, as long as the same base stays open. */
  const looked = new WeakMap<Base['source'], Map<string, Promise<Result<BaseFacts, Problem>>>>();
  function factsOf(base: Base, model: Model | undefined): Promise<Result<BaseFacts, Problem>> {
    const byModel = looked.get(base.source) ?? new Map<string, Promise<Result<BaseFacts, Problem>>>();
    looked.set(base.source, byModel);
    const known = byModel.get(model ?? '');
    if (known !== undefined) return known;
    const looking = lookThrough(base, model).then((facts) => {
      if (!facts.ok) byModel.delete(model ?? '');
      return facts;
    });
    byModel.set(model ?? '', looking);
    return looking;
  }

  async function plan(device: Device, base: Base, identity: ImageIdentity): Promise<Result<BoardPlan, Problem>> {
    const model = device.model?.model;
    const facts = await factsOf(base, model);
    if (!facts.ok) return facts;
    const { files, existing } = facts.value;
    const against = incompatibility({
      model,
      base: { name: base.name, format: base.format, files, configTxt: existing.configTxt ?? '' },
      driver: config.cluster.driver,
    });
    if (against !== undefined) return problem('NOT_COMPATIBLE', against);
    const additions = await readAdditions(config.images.additions, { name: device.name, model });
    if (!additions.ok) return additions;
    const wish: BoardWish = {
      hostname: device.name,
      address: staticAddress(device, deps.site()),
      sshHostKey: await identity.hostKey(),
      authorizedKey: deps.authorizedKey,
      timezone: config.images.timezone,
      format: base.format,
      securityUpdates: config.images.securityUpdates && securityNote(base) === undefined,
      mark: { deviceId: device.id, clusterId: deps.clusterId, arming: identity.arming },
      additions: additions.value,
    };
    return planBoard(wish, existing);
  }

  return { baseFor, plan };
}

type BaseFacts = { readonly files: readonly string[]; readonly existing: ExistingBootFiles };

async function lookThrough(base: Base, model: Model | undefined): Promise<Result<BaseFacts, Problem>> {
  const files = await listBootFiles(base);
  if (!files.ok) return files;
  const existing = await existingBootFiles(base, model);
  return existing.ok ? ok({ files: files.value.map(({ path }) => path), existing: existing.value }) : existing;
}

/** Undefined leaves it to DHCP: where the router gives the addresses, and where the network is not known. */
export const staticAddress = (device: Device, site: ReturnType<BoardPlanDeps['site']>): StaticAddress | undefined =>
  site === undefined || device.addressing !== 'reserved'
    ? undefined
    : {
        ip: device.address,
        prefix: site.subnet.prefix,
        ...(site.gateway !== undefined && { gateway: site.gateway }),
        dns: site.dns,
      };
