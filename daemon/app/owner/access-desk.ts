/** `bramble kubeconfig`: a certificate of his own for whoever has the owner's socket. His key never comes here. */
import { X509Certificate } from 'node:crypto';
import { ok, type Problem, problem, type Result } from '../../../config/result.ts';
import type { Config } from '../../../config/schema.ts';
import { seconds } from '../../../config/values.ts';
import { peopleGroup } from '../../cluster/account.ts';
import { issueCertificate } from '../../cluster/certificates.ts';
import type { Cluster } from '../../cluster/index.ts';
import { serverNames } from '../../cluster/server-names.ts';
import type { AccessDeps } from '../../http/endpoints/access.ts';
import { readCertificateRequest } from '../../join/index.ts';
import type { Clock, Log } from '../../ports.ts';
import type { Store } from '../../store/store.ts';
import { readInterfaces } from '../../system/interface.ts';
import { masterName } from '../network/names-service.ts';
import type { Site } from '../network/site.ts';
import { uplinkPlace } from '../network/uplink.ts';
import { peopleServer } from './people-server.ts';

export type AccessDeskDeps = {
  readonly config: Config;
  readonly cluster: Pick<Cluster, 'request' | 'endpoint'>;
  /** Where boards reach this machine. Undefined: not known yet. */
  readonly site: () => Pick<Site, 'address' | 'interface' | 'subnet' | 'uplink'> | undefined;
  readonly commit: Store['commit'];
  /** After the commit. */
  readonly onCommit: () => void;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
};

/** Less than the command line waits. */
const patience = seconds(20);
const day = 24 * 3600;

export function accessDesk(deps: AccessDeskDeps): AccessDeps {
  const { config, cluster, clock, signal } = deps;

  const giveAccess: AccessDeps['giveAccess'] = async ({ user, request, days, by }) => {
    const flaw = flawIn(request, user);
    if (flaw !== undefined) return problem('BAD_REQUEST', flaw);
    const endpoint = await cluster.endpoint();
    if (!endpoint.ok) return refusal(endpoint.error);
    const names = await serverNames(endpoint.value, signal);
    if (!names.ok) return refusal(names.error);
    const wish = { request, seconds: days * day, message: `${user}, asked for by ${by}`, patience };
    const issued = await issueCertificate(cluster, wish, { clock, signal });
    if (!issued.ok) return refusal(issued.error);
    const until = new X509Certificate(issued.value).validToDate.toISOString();
    // On record before he has it.
    const reason = `${by} got a certificate for ${user}, an administrator of the cluster, until ${until}`;
    await deps.commit([{ write: 'append-notice', at: clock.now(), name: 'access-given', reason }]);
    deps.onCommit();
    deps.log.info('access to the cluster given', { user, by, until });
    const here = deps.site();
    // People are where the home network is; the boards' side is for those who are there, too.
    const uplink = here && uplinkPlace(here.uplink, here, await readInterfaces());
    const where = peopleServer({
      server: config.cluster.server ?? endpoint.value.server,
      master: { name: masterName(), addresses: [uplink, here].flatMap((place) => place?.address ?? []) },
      isNamed: names.value,
    });
    return ok({ certificate: issued.value, until, ca: endpoint.value.caPem, ...where });
  };

  return { giveAccess };
}

/** Exactly him, in exactly our group: the cluster believes whatever is approved. */
function flawIn(request: string, user: string): string | undefined {
  const read = readCertificateRequest(Buffer.from(request).toString('base64'));
  if (!read.ok) return read.error.detail;
  const { subject, alternativeNames } = read.value;
  const asked = subject.map(({ type, value }) => `${type}=${value}`);
  const wanted = [`O=${peopleGroup}`, `CN=${user}`];
  const isHis = asked.length === wanted.length && wanted.every((one) => asked.includes(one)) && !alternativeNames;
  return isHis ? undefined : `the certificate request has to name ${wanted.join(', ')} and nothing else`;
}

function refusal({ code, detail }: Problem): Result<never, Problem<'FORBIDDEN' | 'NOT_READY'>> {
  if (code !== 'API_FORBIDDEN' && code !== 'API_UNAUTHORIZED') return problem('NOT_READY', `the cluster: ${detail}`);
  const how = 'bring its account up to date as it was made: sudo bramble cluster install';
  return problem('FORBIDDEN', `the cluster does not let the daemon do that (${detail}): ${how}`);
}
