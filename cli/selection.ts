/** Which boards are meant by `--model` and `--all`. Pure. */
import type { DeviceView } from '../daemon/http/wire.ts';

export type Selectors = { readonly model?: string; readonly all?: true };

/** The states for which each of these is meant; the others take names only. */
const fitting = {
  accept: ['pending'],
  reject: ['reported', 'pending', 'held'],
  retry: ['failed', 'local-boot-failed'],
  reinstall: ['ready', 'unreachable', 'waiting-for-proof', 'local-boot-failed'],
  forget: ['rejected', 'left', 'replaced'],
} as const;
type Selectable = keyof typeof fitting;

export const isSelectable = (action: string): action is Selectable => Object.hasOwn(fitting, action);

/** In the order of their names. */
export const selected = (
  devices: readonly DeviceView[],
  action: Selectable,
  { model }: Selectors,
): readonly DeviceView[] =>
  devices
    .filter(
      ({ state, adoptable }) => fitting[action].some((fits) => fits === state) || (action === 'accept' && adoptable),
    )
    .filter((device) => model === undefined || device.model === model)
    .toSorted((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true }));

/** `no pi4 is pending`. */
export const noneText = (action: Selectable, { model }: Selectors): string =>
  `no ${model ?? 'board'} is ${fitting[action].join(' or ')}`;
