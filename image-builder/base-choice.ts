/** Which of the imported bases is meant, by `images` of bramble.yaml or by itself. Pure. */
import { ok, type Problem, problem, type Result } from '../config/result.ts';
import type { Config } from '../config/schema.ts';
import { models } from '../config/values.ts';
import type { BaseRecord } from './base.ts';

type Choosable = Pick<BaseRecord, 'name' | 'id' | 'format'>;
type Wishes = Pick<Config['images'], 'default' | 'models' | 'kit'>;

/** By name or id; without one, the only base there is. NO_BASE says what to do. */
export function chooseBase<T extends Choosable>(
  bases: readonly T[],
  name: string | undefined,
): Result<T, Problem<'NO_BASE'>> {
  const names = bases.map((base) => base.name).join(', ');
  if (bases.length === 0) return problem('NO_BASE', 'no base image is imported');
  if (name !== undefined) {
    const found = bases.find((base) => base.name === name || base.id === name);
    return found ? ok(found) : problem('NO_BASE', `there is no base image ${name}; there is ${names}`);
  }
  const [only, ...others] = bases;
  if (only !== undefined && others.length === 0) return ok(only);
  return problem('NO_BASE', `several base images are imported: name one as images.default (${names})`);
}

/** What keeps boards from an image or from the installer, a sentence each with what to do; none where there is no base at all. */
export function baseProblems(bases: readonly Choosable[], images: Wishes): readonly string[] {
  if (bases.length === 0) return [];
  const byDefault = models.some((model) => images.models[model] === undefined);
  const systems: readonly (readonly [key: string, name: string | undefined])[] = [
    ...(byDefault ? [['default', images.default] as const] : []),
    ...Object.entries(images.models).map(([model, name]) => [`models.${model}`, name] as const),
  ];
  const kit = [images.kit === undefined ? 'default' : 'kit', images.kit ?? images.default] as const;
  const told = [...systems, kit].flatMap(([key, name]) => {
    const base = chooseBase(bases, name);
    if (!base.ok) return [name === undefined ? base.error.detail : `images.${key}: ${base.error.detail}`];
    return key !== 'kit' && base.value.format === 'none' ? [unsettable(base.value)] : [];
  });
  return [...new Set(told)];
}

const unsettable = ({ name }: Choosable): string =>
  `${name} has neither device-init nor cloud-init, so no board can be given its settings: import another image and name it in images of bramble.yaml`;
