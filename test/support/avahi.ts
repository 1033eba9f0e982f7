/** A machine with the real avahi: a host's own bus, daemon and tools. */
import type { Host } from './netns.ts';
import type { Running } from './program.ts';

/** Its own bus, as every machine has one. `$1`: whether it calls itself a workstation; `$2`: the text of its SSH service; `$3`: its name; `$4`: its interfaces; `$5`: whether it publishes nothing for others. */
const avahiScript = `
mkdir -p /run/dbus /run/avahi-daemon; rm -rf /etc/avahi/services/*
[ -z "$2" ] || echo "<?xml version='1.0' standalone='no'?><!DOCTYPE service-group SYSTEM 'avahi-service.dtd'>
<service-group><name replace-wildcards='yes'>%h</name><service><type>_ssh._tcp</type><port>22</port>
<txt-record>$2</txt-record></service></service-group>" > /etc/avahi/services/ssh.service
printf '[server]\\n%s\\nuse-ipv4=yes\\nuse-ipv6=no\\nallow-interfaces=%s\\nenable-dbus=yes\\n[publish]\\npublish-hinfo=no\\npublish-aaaa-on-ipv4=no\\n' "\${3:+host-name=$3}" "$4" > /run/avahi.conf
printf "publish-workstation=$1\\ndisable-user-service-publishing=$5\\n" >> /run/avahi.conf
dbus-daemon --system --nofork --nopidfile & bus=$!
until [ -S /run/dbus/system_bus_socket ]; do sleep .05; done
trap 'kill $avahi; wait $avahi; kill $bus; exit' TERM
# SIGUSR1: avahi alone is stopped, SIGUSR2: and started again.
# The one before holds its pid file to its end.
start() { while [ -n "$avahi" ] && kill -0 $avahi 2>&-; do wait $avahi; done; avahi-daemon -f /run/avahi.conf --no-drop-root --no-chroot --no-rlimits & avahi=$!; }
trap 'kill $avahi' USR1
trap start USR2
start
while :; do wait; done`;

export type Avahi = {
  readonly daemon: Running;
  readonly run: (...command: readonly string[]) => Promise<string>;
  readonly watch: (command: readonly string[], env?: Readonly<Record<string, string>>) => Running;
};

/** In a mount namespace of its own, as `run` and `watch` are: there the bus is. Settles once it has a name. */
export async function startAvahi(
  host: Host,
  { workstation = 'no', ssh = '', hostName = '', interfaces = 'eth0', selfish = 'no' } = {},
): Promise<Avahi> {
  const settings = [workstation, ssh, hostName, interfaces, selfish];
  const daemon = host.inside.spawn(['bash', '-c', avahiScript, 'avahi', ...settings]);
  await daemon.waitFor(/Server startup complete/, 60_000);
  const enter = (command: readonly string[]): string[] => ['nsenter', '-t', `${daemon.pid}`, '-m', '-u', ...command];
  return {
    daemon,
    run: async (...command) => (await host.exec(enter(command))).stdout,
    watch: (command, env = {}) => host.spawn(enter(command), { env }),
  };
}

/** Again until it is so: caches take a second to forget (RFC 6762 10.1). */
export async function eventually(question: () => Promise<boolean>, deadlineMs = 60_000): Promise<boolean> {
  for (const end = Date.now() + deadlineMs; Date.now() < end; ) if (await question()) return true;
  return false;
}
