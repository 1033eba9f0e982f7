/** Whether the files of the master are read and written by those they are for. Pure. */
export type FileFact = {
  readonly path: string;
  /** `data` is the daemon's folder, `kept` what it makes in there, `secret` its way into the cluster. */
  readonly is: 'data' | 'kept' | 'secret' | 'config';
  /** Permission bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
};

/** Each ends with what to do. Who the daemon runs as, its data folder says. */
export function accessProblems(files: readonly FileFact[]): readonly string[] {
  const data = files.find(({ is }) => is === 'data');
  return files.flatMap((file) => [...tooOpen(file), ...(data === undefined ? [] : outOfReach(file, data))]);
}

function tooOpen({ path, is, mode }: FileFact): readonly string[] {
  switch (is) {
    case 'data':
    case 'config':
      return (mode & 0o002) === 0
        ? []
        : [`anybody may write ${path}, and so decide what boards run: sudo chmod o-w ${path}`];
    case 'kept':
      return (mode & 0o022) === 0 ? [] : [`others may write ${path}: sudo chmod go-w ${path}`];
    case 'secret':
      return (mode & 0o007) === 0 ? [] : [`anybody on this machine may read ${path}: sudo chmod o= ${path}`];
  }
}

function outOfReach({ path, is, mode, uid, gid }: FileFact, data: FileFact): readonly string[] {
  if (data.uid === 0 || uid === data.uid) return [];
  const owner = `${data.uid}:${data.gid}`;
  if (is === 'kept') return [`${path} is not the daemon's, which cannot write it: sudo chown -R ${owner} ${path}`];
  const isRead = (mode & 0o004) !== 0 || (gid === data.gid && (mode & 0o040) !== 0);
  if (is === 'data' || isRead) return [];
  return [`the daemon cannot read ${path}: sudo chgrp ${data.gid} ${path} && sudo chmod g+r ${path}`];
}
