import test from 'ava';
import { seconds } from '../../config/values.ts';
import { generateSshKeyPair } from '../../daemon/join/keys.ts';
import { withSsh } from '../../daemon/join/ssh.ts';
import { startSshd } from './join-board.ts';
import { obey, startFakeBoard } from './join-fake-board.ts';
for (const kind of ['real','fake']) test.serial(kind, async (t) => {
  const k = generateSshKeyPair('d');
  const b = kind==='real' ? await startSshd(t,{authorized:k.publicLine}).then(s=>({port:s.port,hostKey:s.hostKey.publicLine})) : await startFakeBoard(t, obey);
  for (let i=0;i<3;i++){ const m:number[]=[]; let p=performance.now(); const mark=()=>{const n=performance.now();m.push(Math.round(n-p));p=n;};
  await withSsh({host:'127.0.0.1',username:'root',timeout:seconds(10),signal:new AbortController().signal,port:b.port,hostKey:b.hostKey,privateKey:k.privateOpenssh}, async s=>{mark(); await s.run('true',[]);mark();await s.run('true',[]);mark();await s.run('cat',[],{stdin:'x'});mark();await s.run('cat',[],{stdin:'x'.repeat(200000)});mark();await s.run('head',['-c','200000','/dev/zero']);mark(); }); mark(); t.log(m.join(' ')); }
  t.pass();
});
