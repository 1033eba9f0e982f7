/** A state in plain words: why it is so, or what it waits for. Pure. */
import type { Device } from './device.ts';

export function explain(device: Device): string {
  const { state } = device;
  const lost = device.address === undefined ? '; its address was not heard yet' : '';
  switch (state.name) {
    case 'seen':
      return 'asked for an address';
    case 'booting':
      return 'fetches its boot files';
    case 'reported':
      return 'its installer runs; deciding whether it is ours';
    case 'pending':
      return state.reason;
    case 'accepted':
      return 'its image is being made';
    case 'installing':
      return 'its image is being written to its disk';
    case 'starting':
      return `starts from its own disk${lost}`;
    case 'joining':
      return `joins the cluster${state.attempt === 1 ? '' : `, attempt ${state.attempt}`}${lost}`;
    case 'ready':
      return state.quarantined ? 'Node is Ready; last checks before it gets work' : 'Node is Ready';
    case 'unreachable':
      return 'its Node is not Ready any more';
    case 'held':
      return state.reason;
    case 'rejected':
      return `rejected by ${state.by}`;
    case 'failed':
      return `${state.code}: ${state.detail}`;
  }
}

/** The one command or deed that brings this board on; undefined where nothing is asked of anybody. */
export function nextDeed(device: Device): string | undefined {
  const { state, name } = device;
  switch (state.name) {
    case 'pending':
      return `bramble accept ${name}    (${state.reason})`;
    case 'held':
      return `bramble describe ${name}    (held: ${state.reason})`;
    case 'failed':
      return `bramble retry ${name}    (${state.code}: ${state.detail})`;
    case 'unreachable':
      return `look at ${name}: its Node is not Ready`;
    case 'seen':
    case 'booting':
    case 'reported':
    case 'accepted':
    case 'installing':
    case 'starting':
    case 'joining':
    case 'ready':
    case 'rejected':
      return undefined;
  }
}
