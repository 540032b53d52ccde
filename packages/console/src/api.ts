// What the server tells the page. Plain data, and no imports: the page is built from this file too.

/** One second of a mesh. Arrays have one entry for each region, in the order of `Hello.regions`. */
export interface Sample {
  readonly atMs: number;
  /** Every write acknowledged longer ago is proven to be applied there, ms; null: nothing was ever proven. */
  readonly boundMs: readonly (number | null)[];
  /** Share of the reads since the sample before that a cache answered, 0 to 1; null: none, or nobody says. */
  readonly hitRate: readonly (number | null)[];
  /** Reads a second; null: nobody says. */
  readonly readsPerS: readonly (number | null)[];
  /** Keys that were invalidated since the sample before, by the region whose stream said so. */
  readonly changes: readonly number[];
}

/** How a region, or a path between two of them, is. */
export type Health = 'good' | 'late' | 'cut';

/** One server of a region, as it is reached from here. */
export interface ServerNow {
  readonly reachable: boolean;
  readonly address: string | null;
  readonly roundTripMs: number | null;
  readonly reason: string | null;
}

export interface RegionNow {
  readonly region: string;
  readonly role: 'home' | 'replica';
  readonly location: { readonly latitude: number; readonly longitude: number } | null;
  /** `cut`: a server of it can't be reached from here. `late`: it can, and proves nothing of the last 10 s. */
  readonly health: Health;
  readonly why: string | null;
  readonly boundMs: number | null;
  readonly servers: { readonly redis: ServerNow; readonly nats: ServerNow; readonly postgres: ServerNow };
  readonly usedBytes: number | null;
  readonly horizon: string | null;
  /** Changes beyond the store's horizon. */
  readonly backlog: { readonly changes: number; readonly oldestAgeMs: number | null } | null;
  readonly deadLetters: number | null;
  readonly applier: string | null;
}

/** One direction of a path. */
export interface WayNow {
  readonly from: string;
  readonly to: string;
  readonly following: boolean | null;
  readonly messages: number | null;
  readonly behindMs: number | null;
  readonly reason: string | null;
}

/** The path between two regions, both ways. */
export interface LinkNow {
  readonly a: string;
  readonly b: string;
  readonly health: Health;
  readonly roundTripMs: number;
  readonly ways: readonly WayNow[];
}

/** What a service's node counts, since it started. */
export interface NodeCounts {
  readonly reads: number;
  readonly l1Hits: number;
  readonly l2Hits: number;
  readonly loads: number;
  readonly l1Entries: number;
  readonly l1Bytes: number;
  readonly staleServes: number;
  readonly fillsRefused: number;
}

/** What the services' nodes of a region say of themselves: sums of all that answered. */
export interface NodesNow extends NodeCounts {
  readonly region: string;
  /** When they were asked, ms since 1970. */
  readonly atMs: number;
  readonly nodes: number;
}

/** A key and about how often it was read lately in each region, in the order of `Hello.regions`. */
export interface HotKey {
  readonly key: string;
  readonly reads: number;
  readonly byRegion: readonly number[];
}

/** How much of what a region is known to read it has fresh. */
export interface WarmNow {
  readonly region: string;
  readonly atMs: number;
  /** Share of the known reads, 0 to 1; null: no node has reported what it reads. */
  readonly share: number | null;
  readonly keys: number;
  readonly cold: number;
}

/** Of the checks at one age after a change, how many tiers served nothing older. */
export interface VerifiedAge {
  readonly ageMs: number;
  readonly checked: number;
  readonly consistent: number;
  /** Cut off, or silent: neither consistent nor not. */
  readonly notAsked: number;
}

/** What a verifier has counted since it began, and what it found last. */
export interface Verified {
  /** Shortest age first. */
  readonly ages: readonly VerifiedAge[];
  /** All that it found; `latest` are the last of them, the newest first. */
  readonly findings: number;
  readonly latest: readonly VerifiedFinding[];
}

export interface VerifiedFinding {
  readonly atMs: number;
  readonly kind: string;
  readonly severity: 'error' | 'warning';
  readonly region: string;
  readonly key: string;
  readonly text: string;
  /** What to do. */
  readonly mend: string;
}

/** Something that is wrong, since when, and what to do. */
export interface Problem {
  readonly code: string;
  readonly severity: 'error' | 'warning' | 'note';
  /** Null: the mesh as a whole. */
  readonly region: string | null;
  readonly text: string;
  readonly mend: string;
  /** When it was first seen from here, ms since 1970. */
  readonly sinceMs: number;
}

/** A problem that is over. */
export interface PastProblem {
  readonly code: string;
  readonly region: string | null;
  readonly text: string;
  readonly sinceMs: number;
  readonly untilMs: number;
}

/** The first line: is the mesh coherent, since when not. */
export interface Verdict {
  readonly state: 'starting' | 'coherent' | 'unproven';
  readonly headline: string;
  /** Said once when the state changes, without numbers that move. */
  readonly announcement: string;
  /** Since when it is in this state, ms since 1970. */
  readonly sinceMs: number;
  readonly boundMs: number | null;
}

/** Something that went over a stream. */
export interface FlowEvent {
  readonly id: number;
  readonly type: 'bump' | 'change' | 'update' | 'away' | 'gap' | 'unreadable';
  readonly region: string;
  readonly atMs: number;
  readonly key: string | null;
  readonly version: string | null;
  readonly reason: string | null;
  readonly traceId: string | null;
}

/** All that is known at this moment. */
export interface Now {
  readonly atMs: number;
  /** How old the look at the servers is, ms; null: the first one is under way. */
  readonly lookedAtMs: number | null;
  readonly relay: { readonly region: string; readonly ageMs: number } | null;
  readonly truth: { readonly reachable: boolean; readonly text: string } | null;
  readonly verdict: Verdict;
  readonly problems: readonly Problem[];
  readonly past: readonly PastProblem[];
  readonly regions: readonly RegionNow[];
  readonly links: readonly LinkNow[];
  /** Null: no node answers; they may be of an earlier release, or told not to. */
  readonly nodes: readonly NodesNow[];
  readonly hotKeys: readonly HotKey[];
  readonly warm: readonly WarmNow[];
  /** Null: no verifier runs. */
  readonly verified: Verified | null;
  /** Regions that were cut by the buttons here. */
  readonly cutHere: readonly string[];
}

/** First message of a stream of events. */
export interface Hello {
  readonly source: string;
  readonly namespace: string;
  /** All arrays by region are in this order; the home region is first. */
  readonly regions: readonly string[];
  readonly home: string;
  /** Whether keys can be invalidated from here. */
  readonly actions: boolean;
  /** Whether regions can be cut and healed from here: in the demo. */
  readonly cuts: boolean;
  readonly historyMs: number;
  readonly history: readonly Sample[];
  readonly flow: readonly FlowEvent[];
  readonly now: Now;
}

/** Every message after it. */
export interface Tick {
  readonly sample: Sample;
  readonly flow: readonly FlowEvent[];
  readonly now: Now;
}

/** Something that happened to a key. */
export interface StoryEvent {
  readonly atMs: number;
  /** Null: the source. */
  readonly region: string | null;
  readonly kind: string;
  readonly text: string;
  readonly version: string;
  readonly node: string | null;
  readonly traceId: string | null;
}

/** A key in one region. */
export interface StoryRegion {
  readonly region: string;
  readonly reachable: boolean;
  readonly reason: string | null;
  readonly tidemark: string | null;
  readonly value: string | null;
  readonly ageMs: number | null;
  readonly freshLeftMs: number | null;
  readonly bytes: number | null;
  readonly knowsNewest: boolean | null;
  /** Whether reads are answered by the region's store, and why. */
  readonly serves: readonly { readonly level: string; readonly served: boolean; readonly text: string }[];
  /** L1s that hold it, of those that answered. */
  readonly l1: { readonly held: number; readonly nodes: number } | null;
}

/** One key, everywhere, and its history. */
export interface KeyStory {
  readonly key: string;
  readonly keyspace: string;
  readonly newest: string | null;
  readonly deleted: boolean;
  readonly sourceReason: string | null;
  readonly regions: readonly StoryRegion[];
  /** Oldest first. */
  readonly events: readonly StoryEvent[];
  /** False when not all of the streams could be searched. */
  readonly whole: boolean;
}

/** Whether a region's store has heard of what an action did. */
export interface Applied {
  readonly region: string;
  readonly applied: boolean;
  readonly ms: number | null;
  readonly reason: string | null;
}

/** What an action answers. */
export interface Done {
  readonly text: string;
  readonly applied: readonly Applied[];
}

export interface Failure {
  readonly error: { readonly code: string; readonly message: string };
}
