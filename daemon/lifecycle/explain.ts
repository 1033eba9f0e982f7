/** A state in plain words: why it is so, or what it waits for. Pure. */
import type { Hostname } from '../../config/values.ts';
import { causeOf } from './causes.ts';
import type { Device, DeviceState, InstallerStart } from './device.ts';
import { mayBeCalledOff } from './system-rows.ts';

/** `isAdoptable`: it runs a system that somebody flashed, and would be taken in with it if the owner said so. */
export function explain(device: Device, isAdoptable = false): string {
  const { state } = device;
  if (isAdoptable) return `${FLASHED}; bramble accept ${device.name} takes it in by its first login`;
  const lost = device.address === undefined ? '; its address was not heard yet' : '';
  switch (state.name) {
    case 'seen':
      return 'asked for an address';
    case 'booting':
      return 'fetches its boot files';
    case 'adopting':
      return `${FLASHED}; our keys are being put there (${state.by})`;
    case 'reported':
      return 'its installer runs; deciding whether it is ours';
    case 'pending':
      return state.reason;
    case 'accepted':
      return 'its image is being made';
    case 'installing':
      return 'its image is being written to its disk';
    case 'starting':
      return state.card
        ? `its card was made; put it in and switch the board on${lost}`
        : `starts from its own disk${lost}`;
    case 'joining':
      if (state.waits !== undefined) return `waits until the cluster answers, and joins then: ${state.waits}`;
      return `joins the cluster${state.attempt === 1 ? '' : `, attempt ${state.attempt}`}${lost}`;
    case 'ready':
      return state.quarantined ? 'Node is Ready; last checks before it gets work' : 'Node is Ready';
    case 'unreachable':
      return unreachableText(state);
    case 'waiting-for-proof':
      return proofWanted(device.name);
    case 'draining':
      return plannedText(state, device.name);
    case 'stopped':
      return `switched off, asked by ${state.by}; it works again once it is back${state.keep ? ', drained as before' : ''}${
        state.power === undefined ? '' : `; its power is still on: ${state.power}`
      }`;
    case 'local-boot-failed':
      return `asked the network for a boot ${state.rounds} times in a row, and its own system was not heard: its disk does not start`;
    case 'reinstalling':
      return `to be installed anew, once, asked by ${state.by}: ${startText(state.start)}${
        mayBeCalledOff(state.start) ? `; bramble accept ${device.name} calls it off` : ''
      }`;
    case 'wiping':
      return wipeText(state);
    case 'held':
      return state.reason;
    case 'rejected':
      return `rejected by ${state.by}`;
    case 'left':
      return state.done
        ? `out of the cluster, asked by ${state.by}; bramble accept ${device.name} joins it again`
        : `is taken out of the cluster, asked by ${state.by}`;
    case 'replaced':
      return state.left
        ? `another board has its place as ${state.was.name}, asked by ${state.by}; bramble forget ${device.name} drops it`
        : `its Node ${state.was.name} is removed, so that another board can have its place, asked by ${state.by}`;
    case 'failed':
      return failureText(state);
  }
}

function unreachableText({ signs, proof }: Extract<DeviceState, { name: 'unreachable' }>): string {
  if (signs === undefined) return 'its Node is not Ready any more';
  return proof === undefined
    ? `held gone: ${signs}; its pods run on other boards`
    : `held gone: ${signs}; it is off, by the proof of ${proof}, and none of its pods waits for it`;
}

function plannedText({ by, work }: Extract<DeviceState, { name: 'draining' }>, name: Hostname): string {
  switch (work.step) {
    case 'evicting': {
      const left = work.left === undefined ? '' : `, ${work.left} ${work.left === 1 ? 'pod' : 'pods'} left`;
      return `is being drained, asked by ${by}${left}${work.waits === undefined ? '' : `: ${work.waits}`}`;
    }
    case 'drained':
      return `drained, asked by ${by}; bramble uncordon ${name} gives it work again`;
    case 'cordoned':
      return `the cluster is being shut down, asked by ${by}: it waits for its turn`;
    case 'stopping':
      return `is being switched off, asked by ${by}${
        work.trouble === undefined ? '' : `, and is still on: ${work.trouble.code}: ${work.trouble.detail}`
      }`;
  }
}

const FLASHED = 'runs a system that was flashed by hand';

const proofWanted = (name: Hostname): string =>
  `waiting for proof: power off ${name} and run \`bramble confirm-off ${name}\``;

const podsText = (pods: number): string => (pods === 1 ? '1 pod' : `${pods} pods`);

type Failure = Extract<DeviceState, { name: 'failed' }>;

/** The cause before the code: a table cuts the end off. */
function failureText({ code, detail }: Failure): string {
  const known = causeOf(code);
  return known === undefined ? `${code}: ${detail}` : `${known.cause} (${code}: ${detail})`;
}

function failureDeed(name: Hostname, { code, detail }: Failure): string {
  const { cause, first, command = retry } = causeOf(code) ?? { cause: code };
  return `${first === undefined ? '' : `${first}, then `}${command(name)}    (${cause}: ${detail})`;
}
const retry = (name: Hostname): string => `bramble retry ${name}`;

function wipeText({ by, start }: Extract<DeviceState, { name: 'wiping' }>): string {
  if (start.step === 'done') return `its disk is cleared, asked by ${by}; it is left alone until it is accepted again`;
  const step = start.step === 'leaving' ? 'its Node is being removed first' : startText(start);
  return `its disk is to be cleared, asked by ${by}: ${step}`;
}

function startText(start: InstallerStart): string {
  switch (start.step) {
    case 'trying':
      return 'its installer is being put into its boot partition over SSH';
    case 'waiting':
      return `waits for its installer (over SSH: ${start.code}: ${start.detail})`;
    case 'restarted':
      return 'it restarts into its installer';
    case 'running':
      return 'its installer clears the disk';
    case 'given-up':
      return 'it was restarted for its installer, which was never heard';
  }
}

/** What only hands can do, where SSH did not bring the installer to run; undefined while it may. */
function installerDeed({ name, state }: Device): string | undefined {
  if (state.name !== 'reinstalling' && state.name !== 'wiping') return undefined;
  const { start } = state;
  if (start.step !== 'waiting' && start.step !== 'given-up') return undefined;
  const why = start.step === 'waiting' ? `over SSH: ${start.detail}` : 'its installer was never heard';
  return `insert a join card into ${name}, or switch it off and on if it boots from the network    (${why})`;
}

/** Draining that cannot end by itself, and a board that does not switch itself off. */
function plannedDeed({ name, state }: Device): string | undefined {
  if (state.name !== 'draining') return undefined;
  const { work } = state;
  if (work.step === 'evicting' && work.waits !== undefined)
    return `bramble uncordon ${name}, or wait    (${work.waits})`;
  return work.step === 'stopping' && work.trouble !== undefined
    ? `switch ${name} off by hand, then bramble retry ${name}    (${work.trouble.code}: ${work.trouble.detail})`
    : undefined;
}

/** Without its card a board can be installed over the network, if it was ever seen there. */
const cardDeed = ({ name, macs }: Device): string =>
  `put the card of ${name} in and switch it on${macs.length > 0 ? `    (or bramble reinstall ${name})` : ''}`;

/** The one command or deed that brings this board on; undefined where nothing is asked of anybody. */
export function nextDeed(device: Device, isAdoptable = false): string | undefined {
  const { state, name } = device;
  if (isAdoptable) return `bramble accept ${name}    (it ${FLASHED}; its first login takes it in)`;
  switch (state.name) {
    case 'pending':
      // Accepted or not, nothing can be written.
      return state.report.disk.content === 'none'
        ? `put a card or a disk into ${name}    (${state.reason})`
        : `bramble accept ${name}    (${state.reason})`;
    case 'held':
      return `${state.report ? `bramble accept ${name}, or bramble reject ${name}` : `bramble describe ${name}`}    (held: ${state.reason})`;
    case 'failed':
      return failureDeed(name, state);
    case 'unreachable':
      return `look at ${name}: ${state.signs ?? 'its Node is not Ready'}`;
    case 'waiting-for-proof':
      return `${proofWanted(name)}    (${podsText(state.pods)} of it must never run twice)`;
    case 'local-boot-failed':
      return `bramble reinstall ${name}    (its disk does not start: it asked the network ${state.rounds} times in a row)`;
    case 'reinstalling':
    case 'wiping':
      return installerDeed(device);
    case 'draining':
      return plannedDeed(device);
    case 'starting':
      return state.card ? cardDeed(device) : undefined;
    case 'seen':
    case 'booting':
    case 'adopting':
    case 'reported':
    case 'accepted':
    case 'installing':
    case 'joining':
    case 'ready':
    case 'stopped':
    case 'rejected':
    case 'left':
    case 'replaced':
      return undefined;
  }
}
