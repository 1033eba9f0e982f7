/** A refusal, as the API server words it. */
export class StatusError extends Error {
  override readonly name = 'StatusError';
  readonly code: number;
  readonly reason: string;
  constructor(code: 400 | 401 | 403 | 404 | 405 | 409 | 410 | 415 | 422, reason: string, message: string) {
    super(message);
    this.code = code;
    this.reason = reason;
  }
}

export const statusBody = (code: number, reason: string, message: string): Record<string, unknown> => ({
  ...{
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: code < 400 ? 'Success' : 'Failure',
    message,
    reason,
    code,
  },
});
