/** How long a reading is used for, ms, as far as timers are on time. */
const RESOLUTION_MS = 1;

/**
 * A clock that is read often and asked seldom: a reading is kept until a timer drops it. In code that keeps the
 * event loop busy it stands still; nothing that must be proven may rest on it.
 */
export function coarseClock(readMs: () => number): () => number {
  let keptMs = Number.NaN;
  const drop = (): void => {
    keptMs = Number.NaN;
  };
  return () => {
    // NaN is the only number that differs from itself.
    // oxlint-disable-next-line no-self-compare -- cheaper than a call on the hottest path
    if (keptMs === keptMs) return keptMs;
    keptMs = readMs();
    setTimeout(drop, RESOLUTION_MS).unref();
    return keptMs;
  };
}
