/** What k3s asks of a board, and in which words its lack is told. Pure. */
import type { K3sArch } from '../../config/k3s-release.ts';
import { ok, type Problem, problem, type Result } from '../../config/result.ts';

/** `uname -m`; a 64-bit kernel runs the arm64 binary under a 32-bit system too. */
const architectures: Readonly<Record<string, K3sArch>> = {
  aarch64: 'arm64',
  arm64: 'arm64',
  armv7l: 'armhf',
  // A 64-bit processor whose 32-bit personality is asked.
  armv8l: 'armhf',
  x86_64: 'amd64',
};

/** kubeadm's own check for Kubernetes 1.32 and newer (kubernetes/kubernetes, system-validators `types_unix.go`). */
const oldestKernel = [4, 19] as const;

/** Prints one `name=value` a line; both halves of k3s keep their data in one folder, so a server on the board counts. */
export const boardFactsScript = `memory=off
if [ -r /sys/fs/cgroup/cgroup.controllers ]; then
  read -r controllers < /sys/fs/cgroup/cgroup.controllers
  case " $controllers " in *' memory '*) memory=on ;; esac
fi
[ ! -r /proc/cgroups ] || while read -r name _ _ enabled; do
  [ "$name $enabled" != 'memory 1' ] || memory=on
done < /proc/cgroups
systemd=no; ! command -v systemctl > /dev/null || systemd=yes
server=no
for sign in /etc/systemd/system/k3s.service /var/lib/rancher/k3s/server/db; do [ ! -e "$sign" ] || server=yes; done
printf '%s\\n' "arch=$(uname -m)" "kernel=$(uname -r)" "memory=$memory" "systemd=$systemd" "server=$server"
`;

export type BoardFacts = Readonly<Record<'arch' | 'kernel' | 'memory' | 'systemd' | 'server', string>>;

export function parseBoardFacts(text: string): BoardFacts {
  const fact = (name: string): string => new RegExp(`^${name}=(.*)$`, 'm').exec(text)?.[1]?.trim().slice(0, 80) ?? '';
  const [arch, kernel, memory] = [fact('arch'), fact('kernel'), fact('memory')];
  return { arch, kernel, memory, systemd: fact('systemd'), server: fact('server') };
}

export type RequirementCode =
  | 'K3S_SERVER_ON_BOARD'
  | 'ARCH_UNSUPPORTED'
  | 'KERNEL_TOO_OLD'
  | 'SYSTEMD_MISSING'
  | 'CGROUP_MEMORY_OFF';

/** Whether k3s would run there, and which of its binaries. */
export function checkRequirements(facts: BoardFacts): Result<K3sArch, Problem<RequirementCode>> {
  const { arch, kernel } = facts;
  const server = refuseServer(facts);
  if (!server.ok) return server;
  const known = architectures[arch];
  if (known === undefined) {
    const old = /^armv[456]/.test(arch);
    return problem(
      'ARCH_UNSUPPORTED',
      old
        ? `there is no k3s for this board's processor (${arch}: Pi 1, Pi Zero); it cannot be a worker: reject it`
        : `there is no k3s for a machine of the kind ${JSON.stringify(arch)}; reject it`,
    );
  }
  if (isTooOld(kernel)) {
    return problem(
      'KERNEL_TOO_OLD',
      `its system has Linux ${kernel}, and Kubernetes needs ${oldestKernel.join('.')} or newer: name a newer image under images.models and reinstall the board (HypriotOS of the device-init kind goes with cluster.driver kube-config only)`,
    );
  }
  if (facts.systemd !== 'yes') {
    return problem(
      'SYSTEMD_MISSING',
      'its system has no systemd, which k3s is run by here: reinstall it with an image that has',
    );
  }
  if (facts.memory !== 'on') {
    return problem(
      'CGROUP_MEMORY_OFF',
      'its kernel does not count memory (cgroup "memory" is off), without which no kubelet runs: cgroup_memory=1 cgroup_enable=memory has to stand in its cmdline.txt; a reinstall puts it there',
    );
  }
  return ok(known);
}

/** A cluster of its own lives on the board, with its data in the very folders that a leaving clears. */
export function refuseServer({ server }: Pick<BoardFacts, 'server'>): Result<void, Problem<'K3S_SERVER_ON_BOARD'>> {
  return server === 'yes'
    ? problem(
        'K3S_SERVER_ON_BOARD',
        'the board runs a k3s server of its own, and nothing of it was touched: save what it holds, run k3s-uninstall.sh there or reinstall the board, then retry',
      )
    : ok(undefined);
}

function isTooOld(kernel: string): boolean {
  const [, major, minor] = /^(\d+)\.(\d+)/.exec(kernel) ?? [];
  if (major === undefined || minor === undefined) return false;
  const [oldest, itsMinor] = oldestKernel;
  return Number(major) < oldest || (Number(major) === oldest && Number(minor) < itsMinor);
}
