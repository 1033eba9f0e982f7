/** What a request to port 69 asks for, before anything is looked up. */
import { err, ok, type Result } from '../../config/result.ts';
import { errorCode, type TftpRequest } from './packet.ts';
import { normaliseName } from './path.ts';

export type Refusal = { readonly code: number; readonly message: string };

/** The normalised file name, or the ERROR to send. Read-only and octet: nothing in a boot is text for a terminal. */
export function judgeRequest(request: TftpRequest): Result<string, Refusal> {
  if (request.opcode === 'WRQ') return refuse(errorCode.accessViolation, 'This server is read-only');
  const mode = request.mode.toLowerCase();
  if (mode === 'netascii') return refuse(errorCode.illegalOperation, 'netascii is not served: use octet (binary) mode');
  if (mode !== 'octet') return refuse(errorCode.illegalOperation, 'Unknown transfer mode: use octet');
  const file = normaliseName(request.file);
  return file.ok ? ok(file.value) : err(refusalOf(file.error.code));
}

/** The firmware prints the text: `TFTP 1: File not found` (facts 4.2). */
export function refusalOf(code: 'NOT_FOUND' | 'DENIED'): Refusal {
  return code === 'NOT_FOUND'
    ? { code: errorCode.fileNotFound, message: 'File not found' }
    : { code: errorCode.accessViolation, message: 'Access violation' };
}

const refuse = (code: number, message: string) => err({ code, message });
