/**
 * Security updates on a board, by the distribution's own means: apt's daily timers and unattended-upgrades, with the archives
 * that the distribution chose for it. Pure.
 */
import type { Recognised } from './recognise.ts';
import type { AddedFile } from './wish.ts';

const SETTINGS = '/etc/apt/apt.conf.d/52bramble-security-updates';
const DROP_IN = '/etc/systemd/system/apt-daily-upgrade.service.d/bramble.conf';

/** Behind 50unattended-upgrades, whose word would otherwise be the last. */
const settings = `// Written by bramble (images.securityUpdates).
APT::Periodic::Update-Package-Lists "1";
APT::Periodic::Unattended-Upgrade "1";
// A worker that restarts by itself takes its pods with it.
Unattended-Upgrade::Automatic-Reboot "false";
`;

/**
 * Raspberry Pi OS comes without the program. It is not cloud-init's to install: that waits for the internet before it goes on, and
 * a board has to join without. apt's timer comes at another minute on each board, and again tomorrow. systemd reads this with
 * the first `systemctl enable` of the first boot.
 */
const dropIn = `# Written by bramble (images.securityUpdates).
[Service]
Environment=DEBIAN_FRONTEND=noninteractive
ExecStartPre=-/usr/bin/timeout 30m /bin/sh -c 'command -v unattended-upgrade > /dev/null || { apt-get -qq update && apt-get -qq -y --no-install-recommends -o DPkg::Lock::Timeout=600 install unattended-upgrades; }'
`;

/** For cloud-init, whose systems are Debian's kin; on another nobody reads them. Before the owner's own files: his of the same path stays. */
export const securityUpdateFiles: readonly AddedFile[] = [
  [SETTINGS, settings] as const,
  [DROP_IN, dropIn] as const,
].map(([path, text]) => ({ path, content: Buffer.from(text), mode: '0644', owner: 'root:root', secret: false }));

/** What the owner of a base should know; undefined: it can be kept up. */
export const securityNote = ({ flavour, format }: Pick<Recognised, 'flavour' | 'format'>): string | undefined =>
  flavour === 'hypriotos' || format === 'device-init'
    ? 'HypriotOS is Debian 8 to 10, for which nobody makes security updates any more: its boards get none'
    : undefined;
