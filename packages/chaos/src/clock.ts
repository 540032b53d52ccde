/**
 * Milliseconds of the machine's monotonic clock (CLOCK_MONOTONIC), comparable between all processes since
 * its boot; `performance.now()` would count from the start of each process.
 */
export function machineMs(): number {
  return Number(process.hrtime.bigint() / 1_000n) / 1_000;
}
