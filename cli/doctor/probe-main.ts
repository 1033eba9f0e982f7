/**
 * The child of `probe.ts`: browses with mdns-js and fetches with tftp, as two programs do that know nothing of bramble, and
 * prints what came of it. Both packages may end on what they hear: then the parent counts what was printed.
 */
import mdns from 'mdns-js';
import tftp from 'tftp';

type Wish = { readonly address: string; readonly tftp?: { readonly port: number; readonly file: string } };

/** Milliseconds. */
const browsing = 3000;
const limit = 10_000;

setTimeout(() => process.exit(0), limit).unref();
const wish = JSON.parse(process.argv[2] ?? '{}') as Wish;
await Promise.all([browse(wish.address), wish.tftp === undefined ? undefined : fetchFile(wish.address, wish.tftp)]);
process.exit(0);

/** Settles at the first announcement from `address`, or when nobody is waited for any more. */
function browse(address: string): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, browsing);
    const browser = mdns.createBrowser(mdns.tcp('bramble'));
    browser.on('ready', () => browser.discover());
    browser.on('update', ({ host, port, addresses }) => {
      if (port === undefined || addresses?.includes(address) !== true) return;
      say('announced', `${host}:${port}`);
      resolve();
    });
  });
}

function fetchFile(host: string, { port, file }: { readonly port: number; readonly file: string }): Promise<void> {
  return new Promise((resolve) => {
    let [bytes, answered] = [0, false];
    const stream = tftp.createClient({ host, port, retries: 2, timeout: 2000 }).createGetStream(file);
    const end = (word: string, text: string): void => {
      say(word, text);
      resolve();
    };
    stream.on('data', (chunk) => {
      answered = true;
      bytes += chunk.length;
    });
    stream.on('end', () => end('fetched', String(bytes)));
    stream.on('error', (error) => {
      const isSilence = !answered && /timed? ?out|refused|unreachable/i.test(error.message);
      end(isSilence ? 'silent' : 'refused', error.message);
    });
  });
}

function say(word: string, text: string): void {
  process.stdout.write(`${word} ${text.replace(/\p{Cc}/gu, '?')}\n`);
}
