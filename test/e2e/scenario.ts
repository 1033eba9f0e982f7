/** A long scenario: checks one after another, each said with its result; ends with `N passed, N failed`. */
export type Check = (name: string, verify: () => Promise<void> | void) => Promise<void>;
export type Scenario = (check: Check) => Promise<void>;

export async function play(scenario: Scenario): Promise<number> {
  let passed = 0;
  let failed = 0;
  const check: Check = async (name, verify) => {
    try {
      await verify();
      passed += 1;
      process.stdout.write(`✔ ${name}\n`);
    } catch (error) {
      failed += 1;
      process.stdout.write(`✘ ${name}\n  ${error instanceof Error ? error.message : String(error)}\n`);
    }
  };
  try {
    await scenario(check);
  } catch (error) {
    failed += 1;
    process.stdout.write(
      `✘ the scenario broke off: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
    );
  }
  if (passed + failed === 0) failed = 1;
  process.stdout.write(`${passed} passed, ${failed} failed\n`);
  return failed === 0 ? 0 : 1;
}
