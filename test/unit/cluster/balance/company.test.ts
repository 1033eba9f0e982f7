import test from 'ava';
import { planBalance } from '../../../../daemon/cluster/balance/planner.ts';
import type { PodShape } from '../../../../daemon/cluster/workloads/facts.ts';
import { type Application, aWorld } from '../../../support/world.ts';

const selector = (app: string) => ({ matchLabels: { app }, matchExpressions: [] });
const beside = (app: string, topologyKey = 'kubernetes.io/hostname') => [
  { topologyKey, namespaces: ['default'], selector: selector(app) },
];
/** Three on w1, the rest free but for others: where does the first one go? */
const goesTo = (
  shape: Partial<PodShape>,
  others: readonly Application[],
  nodes: Parameters<typeof aWorld>[0]['nodes'] = ['w1', 'w2', 'w3'],
) => {
  const { moves, skipped } = planBalance(
    aWorld({ nodes, applications: [{ name: 'httpd', on: { w1: 3 }, shape }, ...others] }),
    { goals: ['spread'] },
  );
  return (
    moves.find(({ title }) => title.endsWith('httpd'))?.to ?? skipped.find(({ title }) => title.endsWith('httpd'))?.code
  );
};

test('host ports that are taken, also of one address only', (t) => {
  const port = (text: string) => ({ shape: { hostPorts: [text] } });
  const wants = { hostPorts: ['0.0.0.0:80/TCP'] };
  t.is(goesTo(wants, [{ name: 'a', on: { w2: 1 }, ...port('10.0.0.1:80/TCP') }]), 'w3');
  t.is(goesTo(wants, [{ name: 'a', on: { w3: 1 }, ...port('0.0.0.0:80/TCP') }]), 'w2');
  const both = { name: 'a', on: { w2: 1, w3: 1 } };
  t.is(goesTo(wants, [{ ...both, ...port('0.0.0.0:80/TCP') }]), 'no-room');
  t.not(goesTo(wants, [{ ...both, ...port('0.0.0.0:80/UDP') }]), 'no-room');
  t.not(goesTo({ hostPorts: ['10.0.0.2:80/TCP'] }, [{ ...both, ...port('10.0.0.1:80/TCP') }]), 'no-room');
});

test('not beside whom it will not have, nor beside who will not have it', (t) => {
  t.is(goesTo({ podAntiAffinity: beside('a') }, [{ name: 'a', on: { w2: 1 } }]), 'w3');
  t.is(goesTo({}, [{ name: 'a', on: { w2: 1 }, shape: { podAntiAffinity: beside('httpd') } }]), 'w3');
  t.is(goesTo({}, [{ name: 'a', on: { w2: 1, w3: 1 }, shape: { podAntiAffinity: beside('httpd') } }]), 'no-room');
  const elsewhere = [{ topologyKey: 'kubernetes.io/hostname', namespaces: ['other'], selector: selector('a') }];
  t.not(goesTo({ podAntiAffinity: elsewhere }, [{ name: 'a', on: { w2: 1, w3: 1 } }]), 'no-room');
});

test('only beside whom it wants', (t) => {
  t.is(goesTo({ podAffinity: beside('a') }, [{ name: 'a', on: { w1: 1, w3: 1 } }]), 'w3');
  t.is(goesTo({ podAffinity: beside('a') }, [{ name: 'a', on: { w1: 1 } }]), 'no-room');
});

test('not further than its own topology spread lets it', (t) => {
  const zone = (name: string, of: string) => ({
    name,
    labels: { 'kubernetes.io/hostname': name, 'topology.kubernetes.io/zone': of },
  });
  const nodes = [zone('w1', 'a'), zone('w2', 'a'), zone('w3', 'b')];
  const spread = [{ topologyKey: 'topology.kubernetes.io/zone', maxSkew: 1, hard: true, selector: selector('httpd') }];
  // Three in zone a and none in b: only b may have one more.
  t.is(goesTo({ spread }, [], nodes), 'w3');
});
