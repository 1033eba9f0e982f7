/** `board.json`: which board this is. Written by the lab, read by the board at every power-on. Pure. */
import { ok, type Problem, problem, type Result } from '../../../config/result.ts';
import { parseMac, parseSerial } from '../../../config/values.ts';
import { boardModels, type Identity } from './models.ts';

export type BootOrder = 'disk-first' | 'network-first';

export type BoardFile = {
  readonly identity: Identity;
  readonly bootOrder: BootOrder;
  /** Milliseconds since 1970: when it was switched on for the first time. */
  readonly switchedOn: number;
};

export const renderBoardFile = ({ identity, bootOrder, switchedOn }: BoardFile): string =>
  JSON.stringify({ ...identity, bootOrder, switchedOn });

export function parseBoardFile(text: string): Result<BoardFile, Problem<'BAD_BOARD' | 'INVALID_VALUE'>> {
  const parsed: unknown = JSON.parse(text);
  const fields = new Map<string, unknown>(typeof parsed === 'object' && parsed !== null ? Object.entries(parsed) : []);
  const model = boardModels.find((name) => name === fields.get('model'));
  const bootOrder = (['disk-first', 'network-first'] as const).find((order) => order === fields.get('bootOrder'));
  const mac = parseMac(String(fields.get('mac')));
  const serial = parseSerial(String(fields.get('serial')));
  if (!mac.ok) return mac;
  if (!serial.ok) return serial;
  if (model === undefined || bootOrder === undefined) return problem('BAD_BOARD', 'model or bootOrder is unknown');
  const switchedOn = Number(fields.get('switchedOn'));
  return ok({ identity: { model, mac: mac.value, serial: serial.value }, bootOrder, switchedOn });
}
