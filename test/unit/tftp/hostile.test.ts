import test from 'ava';
import fc from 'fast-check';
import { instant } from '../../../config/values.ts';
import { negotiate } from '../../../daemon/tftp/negotiate.ts';
import { normaliseName } from '../../../daemon/tftp/path.ts';
import { beginTransfer, stepTransfer, type TransferEvent } from '../../../daemon/tftp/transfer.ts';

const option = fc.record({
  name: fc.oneof(fc.constantFrom('blksize', 'BLKSIZE', 'tsize', 'timeout', 'windowsize'), fc.string()),
  value: fc.oneof(
    fc.integer().map(String),
    fc.constantFrom('', '-1', '1e9', '0x10', '٣', '99999999999999999999'),
    fc.string(),
  ),
});

test('no name leads out of the tree', (t) => {
  const part = fc.oneof(fc.constantFrom('..', '.', '', '/', '\\', '\0', 'a', '%2e%2e'), fc.string({ maxLength: 5 }));
  fc.assert(
    fc.property(fc.array(part, { maxLength: 12 }), fc.constantFrom('/', ''), (parts, glue) => {
      const name = normaliseName(parts.join(glue));
      if (!name.ok) return true;
      const segments = name.value.split('/');
      return segments.every((segment) => !['', '.', '..'].includes(segment)) && !/[\\\0]/.test(name.value);
    }),
    { numRuns: 2000 },
  );
  t.pass();
});

test('whatever is asked for, what is agreed on can be kept', (t) => {
  fc.assert(
    fc.property(fc.array(option, { maxLength: 20 }), fc.nat(), (options, size) => {
      const { blksize, windowsize, timeout, acknowledged } = negotiate(options, size);
      const isLegal = blksize >= 8 && blksize <= 1468 && windowsize >= 1 && windowsize <= 16;
      const isPatient = timeout === undefined || (timeout >= 1000 && timeout <= 255_000);
      return isLegal && isPatient && acknowledged.length <= 4;
    }),
  );
  t.pass();
});

test('whatever a client sends in whatever order: only blocks of the file, and an end is an end', (t) => {
  const event = fc.oneof<fc.Arbitrary<TransferEvent>[]>(
    fc.nat(65_535).map((block) => ({ event: 'ack', block })),
    fc.nat(10).map((block) => ({ event: 'ack', block })),
    fc.nat(10).map((upTo) => ({ event: 'data-read', upTo })),
    fc.constant({ event: 'timeout' }),
    fc.constant({ event: 'error', code: 0, message: 'Early terminate' }),
    fc.constant({ event: 'read-failed' }),
  );
  fc.assert(
    fc.property(
      fc.array(option, { maxLength: 4 }),
      fc.nat(20_000),
      fc.array(event, { maxLength: 60 }),
      (options, size, events) => {
        const agreement = negotiate(options, size);
        const blocks = Math.floor(size / agreement.blksize) + 1;
        let { transfer } = beginTransfer(agreement, size);
        let finished = 0;
        for (const [index, one] of events.entries()) {
          // What is in memory is our own doing.
          const told = one.event === 'data-read' ? { ...one, upTo: Math.min(one.upTo, blocks) } : one;
          const step = stepTransfer(transfer, told, instant(index * 500));
          transfer = step.transfer;
          for (const action of step.actions) {
            if (action.action === 'send-data' && (action.from < 1 || action.to > blocks)) return false;
            if (action.action === 'finish') finished += 1;
          }
        }
        return finished <= 1;
      },
    ),
    { numRuns: 1000 },
  );
  t.pass();
});
