/** Setup as a list of steps: each is seen as done by its effect, so that the same command goes on where it was. */
export type Step = {
  readonly name: string;
  /** What would be done, for `--dry-run` and before the question. */
  readonly todo: string;
  /** What there is already; undefined: it has to be done. */
  readonly done: () => Promise<string | undefined>;
  /** Settles with what there is then; throws what keeps it from that. */
  readonly run: () => Promise<string>;
};

export type Ticks = {
  readonly done: (step: Step, text: string) => void;
  readonly failed: (step: Step) => void;
};

/** In order; the first that fails ends it, once `undo` has taken back what this run changed. */
export async function runSteps(steps: readonly Step[], ticks: Ticks, undo: () => Promise<void>): Promise<void> {
  for (const step of steps) {
    try {
      ticks.done(step, (await step.done()) ?? (await step.run()));
    } catch (error) {
      ticks.failed(step);
      await undo();
      throw error;
    }
  }
}

/** What `runSteps` would do: undefined for what is done. */
export async function planSteps(
  steps: readonly Step[],
): Promise<readonly { readonly step: Step; readonly there: string | undefined }[]> {
  const plan = [];
  for (const step of steps) plan.push({ step, there: await step.done() });
  return plan;
}
