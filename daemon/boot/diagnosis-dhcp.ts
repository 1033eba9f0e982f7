/** Boards that get no further than DHCP. Pure. */
import { seconds } from '../../config/values.ts';
import type { Clues } from './clues.ts';
import type { Rule } from './diagnosis.ts';
import { awaitsNetboot, restartIt, timesText } from './diagnosis-words.ts';

/** Twice what a Pi 4 waits for the answer to anything it sends (`DHCP_REQ_TIMEOUT` 4 s), and two of a Pi 3's attempts (facts 3.4). */
const still = seconds(20);
/** A Pi 3's five attempts are over by then. */
const asleep = seconds(30);
/** Nobody asks so often who takes what he is offered. */
const forEver = 4;

export const dhcpRules: readonly Rule[] = [
  {
    code: 'RELAYED',
    finds: (clues) => {
      const relay = clues.boot.flatMap(({ sight }) => (sight.sight === 'dhcp' && sight.relay ? [sight.relay] : []))[0];
      if (!stopsAtDhcp(clues) || relay === undefined || clues.offers > 0) return undefined;
      return {
        sentence: `its DISCOVERs come by the relay agent ${relay} of another subnet, where an address of ours would not work`,
        deed: `plug ${clues.name} into the network of the master`,
      };
    },
  },
  {
    code: 'TOOK_ANOTHER_OFFER',
    finds: (clues) => {
      const other = clues.boot.flatMap(({ sight }) =>
        sight.sight === 'dhcp' && sight.server ? [sight.server] : [],
      )[0];
      if (!stopsAtDhcp(clues) || clues.isProxy || other === undefined || clues.requests > 0) return undefined;
      return {
        sentence: `it takes the OFFER of a second DHCP server, ${other}, and not ours`,
        deed: `unplug the DHCP server ${other}, or set dhcp.mode to proxy; then ${restartIt(clues)}`,
      };
    },
  },
  {
    code: 'PROXY_NOT_HEARD',
    finds: (clues) => {
      if (!stopsAtDhcp(clues) || !clues.isProxy || clues.offers === 0 || !hasStopped(clues)) return undefined;
      return {
        sentence: clues.sendsNoRequest
          ? 'it has its address from the router and did not hear from us where to boot: the ROM of a Pi 3 loses an answer that comes right behind another one'
          : 'it has its address from the router, and did not take from us where to boot',
        deed: clues.sendsNoRequest
          ? `${restartIt(clues)}; if that does not help, start it from a join card`
          : eepromDeed(clues),
      };
    },
  },
  {
    code: 'ROM_ASLEEP',
    finds: (clues) => {
      const { discover, offers, quiet, sendsNoRequest } = clues;
      if (!stopsAtDhcp(clues) || discover === undefined || !sendsNoRequest || offers === 0 || quiet < asleep)
        return undefined;
      return {
        sentence: `its ROM asked for an address ${timesText(discover)}, did not use our OFFER, and sleeps now until its power is cut`,
        deed: `${restartIt(clues)}; if it stops there again, start it from a join card`,
      };
    },
  },
  {
    code: 'ASKS_FOR_EVER',
    finds: (clues) => {
      const { discover, offers, sendsNoRequest } = clues;
      if (!stopsAtDhcp(clues) || discover === undefined || sendsNoRequest) return undefined;
      if (discover.count < forEver || offers < forEver - 1) return undefined;
      return {
        sentence: `it asks for an address again and again (${timesText(discover)}) though each is answered: it does not see where to boot from (option 43), because of a DHCP relay on the way or an old EEPROM`,
        deed: eepromDeed(clues),
      };
    },
  },
  {
    code: 'NO_REQUEST',
    finds: (clues) => {
      const { offers, requests, sendsNoRequest, quiet, otherServer } = clues;
      if (!stopsAtDhcp(clues) || offers === 0 || requests > 0 || sendsNoRequest || quiet < still) return undefined;
      const who =
        otherServer === undefined
          ? 'did a second DHCP server answer it?'
          : `the DHCP server ${otherServer} is here, too`;
      return {
        sentence: `no REQUEST came after our OFFER: ${who}`,
        deed: `find the other DHCP server and unplug it (bramble doctor looks for it), then ${restartIt(clues)}`,
      };
    },
  },
  {
    code: 'ASKS_FOR_NO_FILE',
    finds: (clues) => {
      if (!stopsAtDhcp(clues) || clues.acks === 0 || clues.quiet < still) return undefined;
      return {
        sentence:
          'it has its address, and not one of its requests for a file came in: something drops TFTP (UDP port 69)',
        deed: `open UDP port 69 in the firewall of the master and of the switch, then ${restartIt(clues)}`,
      };
    },
  },
  {
    code: 'NOT_ANSWERED',
    finds: (clues) => {
      const { discover, offers, quiet } = clues;
      if (!stopsAtDhcp(clues) || discover === undefined || offers > 0 || discover.count < 3 || quiet < seconds(5))
        return undefined;
      return {
        sentence: `it asked for an address ${timesText(discover)} and was not answered: none is granted to it on this network`,
        deed: 'bramble status says what keeps the network waiting; then switch it off and on again',
      };
    },
  },
];

/** Its ROM was heard, and asked for no file; nothing else of it was. */
const stopsAtDhcp = (clues: Clues): boolean =>
  awaitsNetboot(clues) &&
  clues.discover !== undefined &&
  !clues.asksForFiles &&
  clues.installerAsked === undefined &&
  clues.systemAsked === undefined;

const hasStopped = ({ quiet, discover }: Clues): boolean => quiet >= still || (discover?.count ?? 0) >= forEver;

const eepromDeed = ({ name }: Clues): string =>
  `plug ${name} into the switch of the master, without a router between them; if it is, update its EEPROM (Raspberry Pi Imager, Bootloader), or start it from a join card`;
