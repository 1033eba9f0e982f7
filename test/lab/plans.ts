/** Which boards a lab plugs in. Pure. */
import { parseSerial } from '../../config/values.ts';
import type { BootOrder } from './board/board-file.ts';
import { type BoardModel, type Identity, identityOf } from './board/models.ts';

/** What is in the board's card slot when it is plugged in. */
export type InitialDisk = 'blank' | 'join-card' | 'foreign';

export type BoardPlan = {
  readonly model: BoardModel;
  readonly disk: InitialDisk;
  readonly bootOrder: BootOrder;
};

const byModel: Readonly<Record<BoardModel, BoardPlan>> = {
  // The article's board: its ROM does not netboot until told so once, hence the card.
  pi3: { model: 'pi3', disk: 'join-card', bootOrder: 'disk-first' },
  'pi3b+': { model: 'pi3b+', disk: 'blank', bootOrder: 'disk-first' },
  pi4: { model: 'pi4', disk: 'blank', bootOrder: 'disk-first' },
  pi5: { model: 'pi5', disk: 'blank', bootOrder: 'disk-first' },
};

export const planFor = (model: BoardModel): BoardPlan => byModel[model];

/** The first three are one of each kind; after that those that netboot, in turn. */
export function planAt(index: number): BoardPlan {
  const first = (['pi3', 'pi4', 'pi5'] as const)[index];
  const further = (['pi3b+', 'pi4', 'pi5'] as const)[index % 3] ?? 'pi4';
  return byModel[first ?? further];
}

/** `number` counts from 1 within a lab. */
export const identityAt = (plan: BoardPlan, number: number): Identity => identityOf(plan.model, number, parseSerial);
