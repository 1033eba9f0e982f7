/** A new master is up before its owner's router: the search in full length, 120 s, and a router that takes 90 of them. */
import assert from 'node:assert/strict';
import { fromRouter, lateRouter, makeHomeLan, sentBy } from '../support/home-lan.ts';
import type { Scenario } from './scenario.ts';

const search = 120;
/** One look every five seconds, the first at once: this one is 90 s after the start. */
const lookAt90 = 19;

export const networks: Scenario = async (check) => {
  const home = await makeHomeLan();
  try {
    const { daemon, router, sniffer, leases, before, after } = await lateRouter(home, { search, at: lookAt90 });
    await check('nobody was answered before the router was up, and the status says why', () => {
      assert.equal(JSON.parse(before).master.dhcpMode, 'searching');
      assert.match(before, /no board is answered until/);
    });
    await check('a Pi and a laptop that asked all the time have their leases from the router', () => {
      for (const lease of leases) assert.match(lease, fromRouter);
    });
    await check('not one OFFER, ACK or NAK of ours was on the wire', () => {
      assert.equal(sentBy(sniffer, '10.77.0.1'), 0);
      assert.ok(sentBy(sniffer, '10.77.0.254') > 0);
    });
    await check('proxy was chosen', () => assert.equal(JSON.parse(after).master.dhcpMode, 'proxy'));
    await daemon.kill();
    await router.kill();
    await check('after a power cut, with the router away for longer than the search, it stays proxy', async () => {
      const again = await home.startDaemon({ dhcp: { search: 1 } });
      await again.waitFor(/"dhcp serves"[^\n]*"mode":"proxy"/);
      assert.match(await home.lease(home.second, 5), /no lease/);
      assert.equal(sentBy(sniffer, '10.77.0.1'), 0);
    });
  } finally {
    await home.close();
  }
};
