/** The connection to the system bus. */
import { createConnection } from 'node:net';
import { ok, type Problem, problem, type Result } from '../../config/result.ts';
import { type DBusCall, encodeCall } from './dbus.ts';
import { type DBusMessage, decodeMessages } from './dbus-decode.ts';

export const systemBusPath = '/run/dbus/system_bus_socket';

export type Bus = {
  /** Rejects never; a call that the end of the connection overtook is a problem like any other. */
  readonly call: (call: DBusCall) => Promise<Result<DBusMessage, Problem<BusProblem>>>;
  /** Settles when the connection is gone, by whomever. */
  readonly closed: Promise<void>;
  readonly close: () => void;
};
export type BusProblem = 'BUS_CLOSED' | 'BUS_ERROR';

/** Longer than any answer of avahi's takes; then something is wrong with it, and the connection is given up. */
const patienceMs = 10_000;

export function connectBus(
  path: string,
  onSignal: (message: DBusMessage) => void,
): Promise<Result<Bus, Problem<'NO_BUS'>>> {
  return new Promise((resolve) => {
    const socket = createConnection(path);
    const waiting = new Map<number, (answer: Result<DBusMessage, Problem<BusProblem>>) => void>();
    const closed = Promise.withResolvers<void>();
    let serial = 0;
    let received: Buffer = Buffer.alloc(0);
    let authenticated = false;

    socket.setTimeout(patienceMs, () => {
      if (!authenticated || waiting.size > 0) socket.destroy();
    });
    socket.on('error', (cause) => resolve(problem('NO_BUS', cause.message)));
    socket.on('close', () => {
      for (const answer of waiting.values()) answer(problem('BUS_CLOSED', 'the connection to the bus ended'));
      waiting.clear();
      closed.resolve();
      resolve(problem('NO_BUS', 'the bus closed the connection'));
    });
    // Who we are the bus knows from the kernel: EXTERNAL with an empty identity (D-Bus Specification, "Authentication").
    socket.on('connect', () => socket.write('\0AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n'));
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      if (!authenticated) greet();
      if (authenticated) receive();
    });

    function greet(): void {
      for (let end = received.indexOf('\r\n'); end >= 0 && !authenticated; end = received.indexOf('\r\n')) {
        const line = received.subarray(0, end).toString('latin1');
        received = received.subarray(end + 2);
        if (line.startsWith('OK ')) authenticated = true;
        else if (!line.startsWith('DATA')) return void socket.destroy();
      }
      if (authenticated) resolve(ok({ call, closed: closed.promise, close: () => void socket.destroy() }));
    }

    function receive(): void {
      const decoded = decodeMessages(received);
      if (!decoded.ok) return void socket.destroy();
      received = decoded.value.rest;
      for (const message of decoded.value.messages) {
        if (message.kind === 'signal') onSignal(message);
        const answer = waiting.get(message.replyTo ?? 0);
        if (answer === undefined) continue;
        waiting.delete(message.replyTo ?? 0);
        const detail = `${message.errorName ?? 'error'}: ${message.body[0] ?? ''}`;
        answer(message.kind === 'error' ? problem('BUS_ERROR', detail) : ok(message));
      }
    }

    const call: Bus['call'] = (wanted) =>
      new Promise((answer) => {
        if (socket.destroyed) return answer(problem('BUS_CLOSED', 'the connection to the bus ended'));
        serial += 1;
        waiting.set(serial, answer);
        socket.write(encodeCall(wanted, serial));
      });
  });
}
