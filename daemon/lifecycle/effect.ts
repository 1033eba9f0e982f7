/**
 * What the world has to be made to do for a board in its state. Data: committed together with the state, carried out
 * after that, carried out again after a crash. So each one is idempotent, and ends by an event that replaces it.
 */
export type Effect =
  /** Decide about a reported board, by the rules of `admission`. */
  | 'decide-admission'
  /** Host key, plan, changed sectors; ends with `image-made`. */
  | 'make-image'
  /** Look for the system of this installation: it may have started without its installer's last word. */
  | 'find-installed'
  /** Log in with the password of its image, once, and leave it with our keys and none; ends with `adopted` or `first-login-failed`. */
  | 'adopt'
  /** Wait until the board's sshd answers with the key we made. */
  | 'await-ssh'
  /** Token, join over SSH, certificate; first the cluster has to answer, which ends with `cluster-answered` if it did not. */
  | 'join'
  /** Check that Node, address and host key agree, take our taint off, delete the token. */
  | 'release-quarantine'
  /** Put the installer into the board's own boot partition over SSH, and restart it; ends with `installer-started`. */
  | 'start-installer'
  /** Cordon it, and ask its pods to go, once; ends with `drain-progressed`, and is wanted again until it is `drained`. */
  | 'drain'
  /** Stop what runs on it, switch it off, wait until it is silent; ends with `stopped` or `stop-failed`. */
  | 'stop'
  /** Take Node and token back. */
  | 'leave';
