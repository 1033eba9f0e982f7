/** A join that fails while the cluster is away is no failure of the board, wherever it failed: it is told as what it is. */
import { type Problem, problem, type Result } from '../../config/result.ts';
import type { KubeRequest } from './cluster-port.ts';

/** The server is not there, is starting, or does not know us (any more): nothing that another board or try would change. */
const codes: readonly string[] = ['API_UNREACHABLE', 'API_FAILED', 'API_BUSY', 'API_UNAUTHORIZED'];
export const isAway = ({ code }: Problem): boolean => codes.includes(code);

/** The end as it is; or `API_UNREACHABLE` with what the cluster says, if it has failed and the cluster is away. */
export async function orAway<T, P extends Problem>(
  end: Result<T, P>,
  request: KubeRequest,
  signal: AbortSignal,
): Promise<Result<T, P | Problem>> {
  if (end.ok || end.error.code === 'API_UNREACHABLE') return end;
  const version = await request('GET', '/version', { signal });
  return version.ok || !isAway(version.error) ? end : problem('API_UNREACHABLE', version.error.detail);
}
