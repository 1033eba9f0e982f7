/** Where volumes let pods run: claims, put together with the volumes that they are bound to. */
import { field, list, nameOf, text } from '../watch-event.ts';
import type { ClaimFacts } from './facts.ts';
import { readNodeTerms } from './selectors.ts';

type Terms = NonNullable<ClaimFacts['nodeAffinity']>;
type Claim = { readonly name: string; readonly volume: string | undefined; readonly single: boolean };
type Volume = { readonly name: string; readonly nodeAffinity: Terms };

export function readClaim(object: unknown): Claim | undefined {
  const [name, spec] = [nameOf(object), field(object, 'spec')];
  if (name === undefined) return undefined;
  // The volume's name stands in the spec before it is bound, too.
  const isBound = field(field(object, 'status'), 'phase') === 'Bound';
  const modes = list(field(spec, 'accessModes'));
  return {
    name,
    volume: isBound ? text(field(spec, 'volumeName')) || undefined : undefined,
    single: !modes.includes('ReadWriteMany') && !modes.includes('ReadOnlyMany'),
  };
}

export function readVolume(object: unknown): Volume | undefined {
  const name = nameOf(object);
  const required = field(field(field(object, 'spec'), 'nodeAffinity'), 'required');
  return name === undefined ? undefined : { name, nodeAffinity: readNodeTerms(field(required, 'nodeSelectorTerms')) };
}

/** `onChange`: what is known of the claim of this name is another thing now, or nothing any more. */
export function createClaimTable(onChange: (name: string) => void) {
  const facts = new Map<string, ClaimFacts>();
  const [claims, volumes] = [new Map<string, Claim>(), new Map<string, Volume>()];
  const boundTo = new Map<string, string>();

  const settle = (name: string): void => {
    const claim = claims.get(name);
    const nodeAffinity = claim?.volume === undefined ? undefined : volumes.get(claim.volume)?.nodeAffinity;
    const now = claim && { name, nodeAffinity, single: claim.single };
    if (JSON.stringify(now) === JSON.stringify(facts.get(name))) return;
    if (now === undefined) facts.delete(name);
    else facts.set(name, now);
    onChange(name);
  };
  const unbind = (claim: Claim | undefined): void => {
    if (claim?.volume !== undefined && boundTo.get(claim.volume) === claim.name) boundTo.delete(claim.volume);
  };
  return {
    claims: facts satisfies ReadonlyMap<string, ClaimFacts>,
    putClaim: (claim: Claim): void => {
      unbind(claims.get(claim.name));
      claims.set(claim.name, claim);
      if (claim.volume !== undefined) boundTo.set(claim.volume, claim.name);
      settle(claim.name);
    },
    removeClaim: ({ name }: Claim): void => {
      unbind(claims.get(name));
      claims.delete(name);
      settle(name);
    },
    putVolume: (volume: Volume): void => {
      volumes.set(volume.name, volume);
      settle(boundTo.get(volume.name) ?? '');
    },
    removeVolume: ({ name }: Volume): void => {
      volumes.delete(name);
      settle(boundTo.get(name) ?? '');
    },
  };
}
