/** Boards that stop while they fetch their files: their packets through the real servers, and what is made of them. */
import { states } from '../../support/boards.ts';
import { kitFiles } from '../../support/boot-stage.ts';
import { testStories } from '../../support/boot-story.ts';

const without = (...names: readonly string[]): { readonly kit: readonly string[] } => ({
  kit: kitFiles.filter((name) => !names.includes(name)),
});

testStories({
  'a Pi 3B whose kit has no bootcode.bin': {
    code: 'NO_BOOTCODE',
    model: 'pi3',
    options: without('bootcode.bin'),
    play: async (stage) => {
      await stage.firmware();
      await stage.pass(5);
    },
    says: /asks for bootcode\.bin, which the boot kit does not have/,
    deed: /images\.kit/,
  },
  'a Pi 4 whose kit has no start4.elf begins again and again': {
    code: 'FILE_MISSING',
    model: 'pi4',
    options: without('start4.elf', 'start.elf'),
    play: async (stage) => {
      for (let time = 0; time < 4; time += 1) {
        await stage.firmware();
        await stage.pass(9);
      }
    },
    says: /asks for start4\.elf, start\.elf, which the boot kit does not have, and begins again every 9 s$/,
    deed: /import a newer Raspberry Pi OS/,
  },
  'a Pi 5 whose kit has no device tree for it': {
    code: 'FILE_MISSING',
    model: 'pi5',
    options: without('bcm2712-rpi-5-b.dtb'),
    play: async (stage) => {
      await stage.firmware();
      await stage.pass(5);
    },
    says: /asks for bcm2712-rpi-5-b\.dtb, which the boot kit does not have$/,
    deed: /import a newer Raspberry Pi OS/,
  },
  'start4.elf is asked for, and config.txt never': {
    code: 'CONFIG_NOT_ASKED',
    model: 'pi4',
    play: async (stage) => {
      await stage.lease();
      await stage.ask(`${stage.prefix}start4.elf`, 'probe');
      await stage.pass(25);
    },
    says: /asked for start4\.elf and never for config\.txt/,
    deed: /EEPROM/,
  },
  'an EEPROM that is set to a folder of its own': {
    code: 'FOLDER_UNKNOWN',
    model: 'pi4',
    play: async (stage) => {
      await stage.lease();
      await stage.ask('rack7/start4.elf');
      await stage.ask('rack7/start.elf');
      await stage.pass(5);
    },
    says: /only in the folder rack7\/.*TFTP_PREFIX=1/,
    deed: /TFTP_PREFIX=0/,
  },
  'the folder of another serial number': {
    code: 'OTHER_SERIAL',
    model: 'pi4',
    play: async (stage) => {
      stage.become(states.installing);
      await stage.lease();
      await stage.ask('deadbeef/start4.elf');
      await stage.pass(5);
    },
    says: /folder deadbeef, which is not its serial number/,
    deed: /TFTP_PREFIX=0/,
  },
  'no answer to a request for a file arrives': {
    code: 'ANSWERS_LOST',
    model: 'pi5',
    play: async (stage) => {
      await stage.lease();
      await stage.ask(`${stage.prefix}config.txt`, { cut: 0 });
      await stage.pass(30);
    },
    says: /asks for config\.txt, and nothing of our answers reaches it/,
    deed: /firewall/,
  },
  'a transfer that breaks off': {
    code: 'TRANSFER_BROKEN',
    model: 'pi4',
    play: async (stage) => {
      await stage.lease();
      await stage.ask(`${stage.prefix}config.txt`);
      await stage.ask(`${stage.prefix}start4.elf`, { cut: 3 });
      await stage.pass(30);
    },
    says: /fell silent after \d\d % of start4\.elf/,
    deed: /cable and the power supply/,
  },
  'a cable that loses packets': {
    code: 'TRANSFER_BROKEN',
    model: 'pi4',
    play: async (stage) => {
      for (const cut of [2, 3, 1]) {
        await stage.lease();
        await stage.ask(`${stage.prefix}config.txt`);
        await stage.ask(`${stage.prefix}start4.elf`, { cut });
        await stage.pass(30);
        await stage.ask(`${stage.prefix}start4.elf`);
      }
    },
    says: /breaks off again and again, 3 times by now, last of start4\.elf .*packets get lost/,
    deed: /cable and the power supply/,
  },
  'firmware that stops in the middle': {
    code: 'FIRMWARE_HANGS',
    model: 'pi4',
    play: async (stage) => {
      await stage.lease();
      for (const name of ['start4.elf', 'config.txt', 'fixup4.dat', 'bcm2711-rpi-4-b.dtb'])
        await stage.ask(stage.prefix + name);
      await stage.pass(50);
    },
    says: /stopped after bcm2711-rpi-4-b\.dtb and asked for nothing more/,
    deed: /switch worker-kube1 off and on again/,
  },
  'a write-protected EEPROM that is updated at each start': {
    code: 'EEPROM_AGAIN',
    model: 'pi4',
    options: { kit: [...kitFiles, 'pieeprom.sig', 'pieeprom.upd'] },
    play: async (stage) => {
      stage.become(states.installing);
      for (let time = 0; time < 3; time += 1) {
        await stage.lease();
        for (const name of ['config.txt', 'pieeprom.sig', 'pieeprom.upd']) await stage.ask(stage.prefix + name);
        await stage.pass(8);
      }
    },
    says: /fetches its new EEPROM image at each start, 3 times by now/,
    deed: /write protection/,
  },
  'the kernel of an older model': {
    code: 'OLD_KERNEL',
    model: 'pi3b+',
    options: { kit: [...kitFiles, 'kernel7.img'] },
    play: async (stage) => {
      await stage.lease();
      for (const name of ['start.elf', 'config.txt', 'kernel7.img']) await stage.ask(stage.prefix + name);
      await stage.pass(5);
    },
    says: /starts kernel7\.img, the kernel of an older model/,
    deed: /join card/,
  },
  'config.txt is passed over': {
    code: 'CONFIG_IGNORED',
    model: 'pi4',
    play: async (stage) => {
      await stage.lease();
      for (const name of ['start4.elf', 'config.txt', 'cmdline.txt', 'kernel8.img'])
        await stage.ask(stage.prefix + name);
      await stage.pass(5);
    },
    says: /without asking for the initramfs .* passed over config\.txt/,
    deed: /EEPROM/,
  },
  'the kernel was loaded, and no installer reports': {
    code: 'NO_INSTALLER',
    model: 'pi5',
    play: async (stage) => {
      await stage.firmware();
      await stage.pass(95);
    },
    says: /kernel was loaded, and its installer was not heard for 95 s/,
    deed: /look at the screen/,
  },
  'a kernel that panics starts the board again and again': {
    code: 'NO_INSTALLER',
    model: 'pi4',
    play: async (stage) => {
      for (let time = 0; time < 3; time += 1) {
        await stage.firmware();
        await stage.pass(20);
      }
    },
    says: /never heard, 3 starts in a row/,
    deed: /images\.modules/,
  },
});
