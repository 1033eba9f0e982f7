/** Boards that get no further than DHCP: their packets through the real servers, and what is made of them. */
import { must } from '../../../config/result.ts';
import { parseIpv4 } from '../../../config/values.ts';
import { decodePacket, encodePacket } from '../../../daemon/dhcp/packet.ts';
import { ROUTER } from '../../support/boot-stage.ts';
import { requestTo, testStories } from '../../support/boot-story.ts';
import { pi5Discover } from '../../vectors/dhcp.ts';

testStories({
  'no REQUEST after the OFFER': {
    code: 'NO_REQUEST',
    model: 'pi4',
    play: async (stage) => {
      await stage.discover();
      await stage.pass(25);
    },
    says: /^no REQUEST came after our OFFER: did a second DHCP server answer it\?$/,
    deed: /unplug it/,
  },
  'no REQUEST after the OFFER, and the other server is known': {
    code: 'NO_REQUEST',
    model: 'pi5',
    play: async (stage) => {
      await stage.discover();
      await stage.pass(25);
      return { otherServer: ROUTER };
    },
    says: /the DHCP server 10\.77\.0\.254 is here, too/,
    deed: /unplug it/,
  },
  'the REQUEST names another server': {
    code: 'TOOK_ANOTHER_OFFER',
    model: 'pi4',
    play: async (stage) => {
      await stage.discover();
      await requestTo(stage, ROUTER);
      await stage.pass(5);
    },
    says: /takes the OFFER of a second DHCP server, 10\.77\.0\.254/,
    deed: /unplug the DHCP server 10\.77\.0\.254, or set dhcp\.mode to proxy/,
  },
  'asks for DHCP for ever': {
    code: 'ASKS_FOR_EVER',
    model: 'pi4',
    play: async (stage) => {
      for (let time = 0; time < 6; time += 1) {
        await stage.discover();
        await stage.pass(4);
      }
    },
    says: /again and again \(6 times in 20 s\).*option 43.*relay.*old EEPROM/,
    deed: /update its EEPROM/,
  },
  'DISCOVERs by a relay agent of another subnet': {
    code: 'RELAYED',
    model: 'pi5',
    play: async (stage) => {
      const packet = must(decodePacket(pi5Discover.datagram));
      const chaddr = Buffer.from(stage.identity.mac.replaceAll(':', ''), 'hex');
      await stage.dhcp(encodePacket({ ...packet, chaddr, giaddr: must(parseIpv4('192.168.9.1')) }));
      await stage.pass(1);
    },
    says: /relay agent 192\.168\.9\.1 of another subnet/,
    deed: /plug worker-kube1 into the network of the master/,
  },
  'beside a router: the REQUEST goes to it, and no file is asked for': {
    code: 'PROXY_NOT_HEARD',
    model: 'pi4',
    options: { mode: 'proxy' },
    play: async (stage) => {
      await stage.discover();
      await requestTo(stage, ROUTER);
      await stage.pass(25);
    },
    says: /did not take from us where to boot/,
    deed: /EEPROM/,
  },
  'beside a router: a Pi 3B loses our answer behind the router’s': {
    code: 'PROXY_NOT_HEARD',
    model: 'pi3',
    options: { mode: 'proxy' },
    play: async (stage) => {
      for (let time = 0; time < 5; time += 1) {
        await stage.discover();
        await stage.pass(5);
      }
    },
    says: /ROM of a Pi 3 loses an answer/,
    deed: /off and on again; .*join card/,
  },
  'a Pi 3B that asked five times and sleeps': {
    code: 'ROM_ASLEEP',
    model: 'pi3',
    play: async (stage) => {
      for (let time = 0; time < 5; time += 1) {
        await stage.discover();
        await stage.pass(5);
      }
      await stage.pass(30);
    },
    says: /asked for an address 5 times in 20 s, did not use our OFFER, and sleeps/,
    deed: /switch worker-kube1 off and on again/,
  },
  'an address, and then no request for a file': {
    code: 'ASKS_FOR_NO_FILE',
    model: 'pi4',
    play: async (stage) => {
      await stage.lease();
      await stage.pass(25);
    },
    says: /not one of its requests for a file came in.*UDP port 69/,
    deed: /firewall/,
  },
  'no answer at all': {
    code: 'NOT_ANSWERED',
    model: 'pi4',
    play: async (stage) => {
      stage.grantsNothing();
      for (let time = 0; time < 4; time += 1) {
        await stage.discover();
        await stage.pass(5);
      }
    },
    says: /asked for an address 4 times in 15 s and was not answered/,
    deed: /bramble status/,
  },
});
