/** TTLs that are worth proposing, s. */
export const TTL_STEPS_S = [60, 300, 900, 3_600, 21_600, 86_400, 604_800] as const;

/** A longer TTL, or a larger L1, is worth it if it turns this share of all reads into hits. */
export const WORTH_SHARE = 0.01;
