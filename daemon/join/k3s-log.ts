/** Why an agent does not get on, out of its journal. Its words are those of k3s's sources (`pkg/agent`, `pkg/clientaccess`). Pure. */
import type { Problem } from '../../config/result.ts';

export type AgentCode =
  | 'NODE_PASSWORD_REJECTED'
  | 'SERVER_NOT_TRUSTED'
  | 'CGROUP_MEMORY_OFF'
  | 'NO_DEFAULT_ROUTE'
  | 'DISK_FULL'
  | 'CLOCK_WRONG'
  | 'TOKEN_REFUSED'
  | 'SERVER_UNREACHABLE'
  | 'AGENT_ENDS'
  | 'JOIN_TIMEOUT';

type Sign = {
  readonly words: RegExp;
  readonly code: AgentCode;
  readonly detail: string;
  /** After so many looks, ten seconds each, nobody waits for it to pass; undefined: it may pass until the time is up. */
  readonly hopelessAfter?: number;
};

const signs: readonly Sign[] = [
  {
    words: /Node password rejected/,
    code: 'NODE_PASSWORD_REJECTED',
    detail:
      'k3s knows this name with another node password: another machine has it, or had. If that machine is gone for good, delete its Node and the Secret NAME.node-password.k3s in kube-system, then retry',
    hopelessAfter: 1,
  },
  {
    words: /token CA hash does not match/,
    code: 'SERVER_NOT_TRUSTED',
    detail:
      'whoever answers at the address of the API server is not our cluster, and was sent nothing: look at cluster.server and the kubeconfig, and at who has that address',
    hopelessAfter: 1,
  },
  {
    words: /failed to find memory cgroup/,
    code: 'CGROUP_MEMORY_OFF',
    detail:
      'its kernel does not count memory: cgroup_memory=1 cgroup_enable=memory has to stand in its cmdline.txt; a reinstall puts it there',
    hopelessAfter: 1,
  },
  {
    words: /no default routes? found|unable to select an IP from default routes|no routes? (?:configured|found) in/i,
    code: 'NO_DEFAULT_ROUTE',
    detail:
      'the board has no default route, without which k3s does not start: have DHCP name a router, or give cluster.server as an IPv4 address, which then stands in for one',
    hopelessAfter: 3,
  },
  { words: /no space left on device/, code: 'DISK_FULL', detail: 'its disk is full', hopelessAfter: 1 },
  {
    words: /certificate has expired or is not yet valid/,
    code: 'CLOCK_WRONG',
    detail:
      'to the board the certificate of the API server is not valid at this time: its clock is wrong, or the certificate has expired',
    hopelessAfter: 3,
  },
  {
    words: /401 Unauthorized|\bUnauthorized\b/,
    code: 'TOKEN_REFUSED',
    detail: 'the API server did not take the join token: it expired or was deleted meanwhile; retry',
    hopelessAfter: 3,
  },
  {
    words:
      /connection refused|no route to host|network is unreachable|i\/o timeout|deadline exceeded|failed to get CA certs|\bEOF\b/,
    code: 'SERVER_UNREACHABLE',
    detail:
      'the board does not reach the API server: is there a firewall between them, or another address in cluster.server?',
  },
];

/** systemd's words, which come after the agent's own. */
const ends: Sign = {
  words: /Main process exited/,
  code: 'AGENT_ENDS',
  detail: 'k3s ends as soon as it is started on the board: its last words tell why',
  hopelessAfter: 6,
};

/** What its last words that mean anything say; undefined: nothing is known to be wrong. */
export function agentTrouble(journal: string): (Problem<AgentCode> & Pick<Sign, 'hopelessAfter'>) | undefined {
  const lines = journal.split('\n').reverse();
  const saying = lines.flatMap((line) => signs.find(({ words }) => words.test(line)) ?? []);
  const sign = saying[0] ?? [ends].find(({ words }) => words.test(journal));
  if (sign === undefined) return undefined;
  const { code, detail, hopelessAfter } = sign;
  return { code, detail, ...(hopelessAfter !== undefined && { hopelessAfter }) };
}
