/*
 * The core of the protocol, for exhaustive search: one key, one region's store, its applier, relays, the source.
 *
 * Words are those of packages/core/src/protocol. Delays, losses, duplicates and the order of events are not played
 * through but allowed: a tidemark may be raised at any time to any version that was committed, and a fill may carry
 * what any snapshot since the beginning showed. docs/explanation/model.md says what is left out.
 *
 * Every action and every answer prints itself. One that is never reached never happened: the runner tells.
 * -DWITHOUT_… switches a rule off; the rules are listed in src/rules.ts.
 */

#ifndef WRITES
#define WRITES 2 /* at most 3 */
#endif
#ifndef RELAYS
#define RELAYS 1 /* at most 2 */
#endif
#ifndef APPLIERS
#define APPLIERS 1 /* at most 2 */
#endif
#ifndef STREAM
#define STREAM 2 /* messages under way */
#endif

/* ---- Source. Versions rise in commit order; ids of transactions need not. ---- */

byte committed;    /* the key's latest version: transactions that ended */
byte xid[4];       /* of each version, the transaction that committed it */
bool ended[4];     /* of each transaction */
byte horizonAt[4] = 1; /* when a version was the latest: the first transaction that was not final */

/* Latest version that transactions below a position committed. */
#define below(position) \
  (xid[3] && xid[3] < position -> 3 : (xid[2] && xid[2] < position -> 2 : (xid[1] && xid[1] < position -> 1 : 0)))

/* ---- Store: its state, and one record. ---- */

bool present;  /* it has a meta */
byte horizon;
byte base;
byte tidemark; /* 0: never heard of, or forgotten */
bool filled;   /* the record has a value */
byte version;  /* the label of the value */
byte truth;    /* the version that the value really is of; no code knows it */
bool oldEpoch; /* the value's epoch is below the store's */

/* ---- What the region applied, and what its nodes were promised. ---- */

byte applied;  /* highest version ever raised */
byte closed;   /* by the latest claim: all writes up to this version are applied */
bool claimed;  /* the store shows the life, lineage and revision that the claim names */

/* ---- Relays and streams. Dense numbers are kept as what they tell: whether anything was lost. ---- */

mtype = { CHANGES, BARRIER };
chan stream0 = [STREAM] of { mtype, byte, byte, byte }; /* kind, relay, version or snapshot, from */
#if APPLIERS > 1
chan stream1 = [STREAM] of { mtype, byte, byte, byte };
#define streamOf(a) (a == 0 -> stream0 : stream1)
#else
#define streamOf(a) stream0
#endif
bool begun[2];        /* this relay has numbered a message */
byte relayHorizon[2];
byte published[2];

/* ---- Appliers. ---- */

mtype = { NEW_CHAIN, MARK_THERE, MARK_LOST };
mtype chain[2] = NEW_CHAIN; /* what the next batch will find in the store */
mtype = { FOLLOW, ASK, APPLY, FINISH, EDGE, INITIALISE, SCOPES, EDGE_OF_EPOCH, EPOCH };
mtype step[2] = FOLLOW;     /* all but the first are steps of a resync */
bool gap[2];
bool hole[4];               /* of each applier and relay */
#ifdef WITHOUT_APPLY_FIRST
byte aside[2];
#endif
#define holeOf(a, r) hole[2 * (a) + (r)]

/* ---- A copy of the store that may come back, as a lagging replica does when it is promoted. ---- */

#ifdef ROLLBACK
typedef Copy {
  bool taken, present, filled, oldEpoch, claimed;
  byte horizon, base, tidemark, version, truth, applied;
  bool holdsMark[2] /* the last mark of an applier, which wrote nothing since */
};
Copy copy;
#define outdateCopy(a) copy.holdsMark[a] = false
#define claimIsNewer copy.claimed = false
#else
#define outdateCopy(a) skip
#define claimIsNewer skip
#endif

/* ---- Leases, for sources that give no versions. ---- */

#ifdef UNVERSIONED
byte holder; /* filler that holds the lease, from 1; 0: nobody */
mtype = { IDLE, MISSED, LOADED };
mtype at[3] = IDLE;                   /* of each filler, from 1 */
bool earlierLife[3], earlierEpoch[3]; /* the life or epoch that its miss saw has ended */
#define endLife holder = 0; earlierLife[1] = (at[1] != IDLE); earlierLife[2] = (at[2] != IDLE)
#define endEpoch earlierEpoch[1] = (at[1] != IDLE); earlierEpoch[2] = (at[2] != IDLE)
#else
#define endLife skip
#define endEpoch skip
#endif
#if defined(UNVERSIONED) && !defined(WITHOUT_LEASE_VOID)
#define voidLease holder = 0
#else
#define voidLease skip
#endif

/* judgeRecord. */
#ifdef WITHOUT_TIDEMARK_READ
#define aboveTidemark true
#else
#define aboveTidemark (version >= tidemark)
#endif
#ifdef WITHOUT_EPOCH_READ
#define ofThisEpoch true
#else
#define ofThisEpoch (!oldEpoch)
#endif
#define fresh (present && filled && aboveTidemark && ofThisEpoch)

/* What must hold of whatever the store shows, judged in one step after every change. */
inline judge() {
  assert(!fresh || truth >= applied);           /* I2: no fresh hit below what the region applied */
  assert(!fresh || truth >= below(horizon));    /* I4: nothing below the horizon was missed */
  assert(!fresh || !claimed || truth >= closed) /* I6: nothing older than the closed time */
}

/* raiseRecord; the store voids the lease with it. */
inline raise(to) {
  tidemark = (to > tidemark -> to : tidemark);
  applied = (to > applied -> to : applied);
  voidLease
}

inline loseMark(which) {
  chain[which] = (chain[which] == MARK_THERE -> MARK_LOST : chain[which])
}

/* chainBatch: a batch whose predecessor is not there leaves no mark. A store without a meta keeps marks as well. */
inline batch(writer) {
  if
  :: chain[writer] == MARK_LOST
  :: chain[writer] != MARK_LOST ->
    loseMark(1 - writer);
    chain[writer] = MARK_THERE
  fi;
  outdateCopy(writer)
}
#ifdef WITHOUT_MARK
#define chained(a) true
#else
#define chained(a) (chain[a] == MARK_THERE)
#endif
#ifdef WITHOUT_EDGE_MARK
#define hasEdge(a) true
#else
#define hasEdge(a) (chain[a] == MARK_THERE)
#endif

/* An echo is of a ping that came before the snapshot, at most a moment before. */
#ifdef WITHOUT_PING_FIRST
#define provenBy(snapshot) committed
#else
#define provenBy(snapshot) snapshot
#endif

/* FreshnessProof.accept. A node may also miss it, and hold on to an older claim. */
inline claim(shown) {
  if
  :: shown >= closed ->
    closed = shown; claimed = true; claimIsNewer;
    printf("  claim: all writes up to version %d are applied\n", shown)
  :: true
  fi
}

#ifdef WITHOUT_BARRIER_CHAIN
#define begins(start) true
#else
#define begins(start) (start <= horizon)
#endif

/* advanceState, for a barrier or at the end of a resync. Whether it moved the horizon is left in moved. */
inline advance(writer, start, end) {
  moved = false;
  batch(writer);
  if
  :: !present ->
    gap[writer] = true; printf("  gap: the store has no meta\n")
  :: present && !chained(writer) ->
    gap[writer] = true; printf("  gap: the store lost a batch\n")
  :: present && chained(writer) && horizonAt[end] < horizon ->
    printf("  behind: it ends before the store's horizon %d\n", horizon)
  :: present && chained(writer) && horizonAt[end] >= horizon && !begins(start) ->
    gap[writer] = true; printf("  gap: it begins after the store's horizon %d\n", horizon)
  :: present && chained(writer) && horizonAt[end] >= horizon && begins(start) ->
    horizon = horizonAt[end]; moved = true;
    printf("  advanced: all below %d is applied\n", horizon)
  fi
}

active proctype Source() {
  byte x, least;
  do
  :: atomic {
      committed < WRITES ->
      select (x : 1 .. WRITES);
      if
      :: !ended[x] ->
        ended[x] = true;
        committed++;
        xid[committed] = x;
        least = 1;
        do
        :: least <= WRITES && ended[least] -> least++
        :: else -> break
        od;
#ifdef WITHOUT_FINAL_HORIZON
        least = (xid[1] > xid[2] -> (xid[1] > xid[3] -> xid[1] : xid[3]) : (xid[2] > xid[3] -> xid[2] : xid[3])) + 1;
#endif
        horizonAt[committed] = least;
        printf("source: transaction %d commits version %d; horizon %d\n", x, committed, least);
        x = 0; least = 0
      :: else -> x = 0
      fi
    }
  od
}

/* A life of a relay. What it publishes and the barrier are one snapshot's; all that is lost is lost on the stream. */
proctype Relay(byte r) {
  byte s;
  atomic {
    select (s : 0 .. WRITES);
    if
    :: s <= committed -> relayHorizon[r] = horizonAt[s]; printf("relay %d: begins at the cursor %d\n", r, horizonAt[s])
    :: else -> relayHorizon[r] = 1
    fi;
    s = 0
  }
  do
  :: atomic {
      len(stream0) + 2 <= STREAM
#if APPLIERS > 1
      && len(stream1) + 2 <= STREAM
#endif
      ->
      if
      :: committed > published[r] && xid[committed] >= relayHorizon[r] ->
        published[r] = committed;
        printf("relay %d: publishes version %d\n", r, committed);
        stream0!CHANGES(r, committed, 0)
#if APPLIERS > 1
        ; stream1!CHANGES(r, committed, 0)
#endif
      :: else
      fi;
      printf("relay %d: barrier from %d to %d\n", r, relayHorizon[r], horizonAt[committed]);
      stream0!BARRIER(r, committed, relayHorizon[r]);
#if APPLIERS > 1
      stream1!BARRIER(r, committed, relayHorizon[r]);
#endif
      begun[r] = true;
      s = horizonAt[committed];
      published[r] = (s != relayHorizon[r] -> 0 : published[r]);
      relayHorizon[r] = s;
      s = 0
    }
  :: atomic {
      xid[committed] > 0 && relayHorizon[r] < horizonAt[committed] ->
      relayHorizon[r] = horizonAt[committed]; published[r] = 0;
      printf("relay %d: the changelog does not reach back; goes on at %d\n", r, relayHorizon[r])
    }
  od
}

/* One turn of an applier in its role after another. */
proctype Applier(byte a) {
  mtype kind;
  byte r, v, from, since, snapshot;
  bool moved;
  gap[a] = true;
  do
  /* The stream. */
  :: atomic {
      step[a] == FOLLOW && len(streamOf(a)) > 0 ->
      streamOf(a)?kind(r, v, from);
      if
      :: printf("stream to applier %d: loses a message of relay %d\n", a, r);
#ifndef WITHOUT_DENSE_NUMBERS
        holeOf(a, r) = true
#endif
      :: kind == CHANGES ->
#ifdef WITHOUT_APPLY_FIRST
        printf("applier %d: puts version %d aside\n", a, v);
        aside[a] = v
#else
        printf("applier %d: raises version %d\n", a, v);
        raise(v); batch(a)
#endif
      :: kind == CHANGES ->
        printf("applier %d: the store does not answer to version %d: gap\n", a, v);
        if :: raise(v); batch(a) :: true fi;
        gap[a] = true; chain[a] = NEW_CHAIN
      :: kind == BARRIER ->
        printf("applier %d: barrier from %d to %d\n", a, from, horizonAt[v]);
        if
        :: holeOf(a, r) -> gap[a] = true; printf("  gap: messages before it are missing\n")
        :: else
        fi;
        holeOf(a, r) = false;
        if
        :: !gap[a] ->
          advance(a, from, v);
          if
          :: moved -> claim(provenBy(v))
          :: else
          fi
        :: else
        fi
      fi;
      judge();
      kind = 0; r = 0; v = 0; from = 0; moved = false
    }
#ifdef WITHOUT_APPLY_FIRST
  :: atomic { aside[a] > 0 -> printf("applier %d: raises version %d\n", a, aside[a]); raise(aside[a]); batch(a); aside[a] = 0; judge() }
#endif
  :: atomic { !gap[a] -> gap[a] = true; printf("applier %d: gap, for any other reason\n", a) }
  :: atomic {
      true ->
      printf("applier %d: another process takes over\n", a);
      step[a] = FOLLOW; gap[a] = true; chain[a] = NEW_CHAIN; since = 0; snapshot = 0;
#ifdef WITHOUT_APPLY_FIRST
      aside[a] = 0;
#endif
      holeOf(a, 0) = begun[0]; holeOf(a, 1) = begun[1];
      do
      :: len(streamOf(a)) > 0 -> streamOf(a)?kind(r, v, from)
      :: else -> break
      od;
      kind = 0; r = 0; v = 0; from = 0
    }
  /* resync. */
  :: atomic {
      step[a] == FOLLOW && gap[a] ->
      chain[a] = NEW_CHAIN;
      if
      :: present -> since = horizon; step[a] = ASK; printf("applier %d: resync from %d\n", a, since)
      :: else -> step[a] = EDGE; printf("applier %d: finds the store empty\n", a)
      fi
    }
  :: atomic {
      step[a] == ASK ->
      snapshot = committed;
      if
      :: step[a] = APPLY; printf("applier %d: asks for the changes since %d; horizon %d\n", a, since, horizonAt[snapshot])
      :: step[a] = EDGE_OF_EPOCH; printf("applier %d: the changelog does not reach back to %d; horizon %d\n", a, since, horizonAt[snapshot])
      fi
    }
  :: atomic {
      step[a] == EDGE -> snapshot = committed; step[a] = INITIALISE;
      printf("applier %d: asks for the edge of a snapshot; horizon %d\n", a, horizonAt[snapshot]);
      if
      :: xid[snapshot] >= horizonAt[snapshot] -> raise(snapshot); printf("  raises version %d\n", snapshot)
      :: else
      fi;
      batch(a);
      judge()
    }
  :: atomic {
      step[a] == APPLY -> step[a] = FINISH;
      if
      :: xid[snapshot] >= since && snapshot > 0 -> raise(snapshot); printf("applier %d: resync raises version %d\n", a, snapshot)
      :: else
      fi;
      batch(a);
      judge()
    }
  :: atomic {
      step[a] == INITIALISE -> step[a] = SCOPES;
      if
      :: !present && !hasEdge(a) ->
        step[a] = FOLLOW; snapshot = 0;
        printf("applier %d: the store lost the edge, the resync is tried again\n", a)
      :: !present && hasEdge(a) ->
        present = true; horizon = horizonAt[snapshot];
#ifndef WITHOUT_BASE_AFTER_WIPE
        base = horizon;
#endif
        printf("applier %d: initialises the store at %d\n", a, horizon)
      :: present -> printf("applier %d: the store is initialised already\n", a)
      fi;
      chain[a] = NEW_CHAIN;
      judge()
    }
  :: atomic {
      step[a] == SCOPES -> step[a] = FINISH; since = horizonAt[snapshot];
      batch(a)
    }
  :: atomic {
      step[a] == EDGE_OF_EPOCH -> step[a] = EPOCH;
      if
      :: xid[snapshot] >= horizonAt[snapshot] -> raise(snapshot); printf("applier %d: raises the edge, version %d\n", a, snapshot)
      :: else
      fi;
      batch(a);
      judge()
    }
  :: atomic {
      step[a] == EPOCH -> step[a] = FINISH; since = horizonAt[snapshot]; chain[a] = NEW_CHAIN;
      if
      :: present ->
#ifndef WITHOUT_EPOCH_RAISE
        oldEpoch = filled; endEpoch;
#endif
#ifndef WITHOUT_EPOCH_BASE
        base = (since > base -> since : base);
#endif
        horizon = (since > horizon -> since : horizon);
        printf("applier %d: raises the epoch; base %d\n", a, base)
      :: else -> printf("applier %d: there is no epoch to raise, the store is empty\n", a)
      fi;
      judge()
    }
  :: atomic {
      step[a] == FINISH -> step[a] = FOLLOW;
      printf("applier %d: ends the resync, from %d to %d\n", a, since, horizonAt[snapshot]);
      advance(a, since, snapshot);
      if
      :: moved -> gap[a] = false; claim(provenBy(snapshot))
      :: else
      fi;
      judge();
      since = 0; snapshot = 0; moved = false
    }
  od
}

/* Writers, other relays and zombies; loads; losses. */
active proctype World() {
  byte v;
#ifndef UNVERSIONED
  bool ofEarlierEpoch, ofEarlierLife;
#endif
  do
  :: atomic {
      committed > 0 ->
      select (v : 1 .. WRITES);
      if
      :: v <= committed -> printf("somebody: raises version %d\n", v); raise(v); judge()
      :: else
      fi;
      v = 0
    }
#ifndef UNVERSIONED
  :: atomic {
      select (v : 0 .. WRITES);
      if :: ofEarlierLife = true :: ofEarlierLife = false fi;
      if :: ofEarlierEpoch = true :: ofEarlierEpoch = false fi;
      if
      :: v > committed
      :: else ->
        printf("fill: version %d, read as of %d", v, horizonAt[v]);
        if
        :: ofEarlierLife -> printf(", missed in an earlier life")
        :: else
        fi;
        if
        :: ofEarlierEpoch -> printf(", missed in an earlier epoch")
        :: else
        fi;
        if
        :: !present -> printf(": uninitialised\n")
#ifndef WITHOUT_INCARNATION
        :: present && ofEarlierLife -> printf(": incarnation\n")
#endif
        :: else ->
          if
#ifndef WITHOUT_EPOCH_FILL
          :: ofEarlierEpoch -> printf(": epoch\n")
#endif
          :: else ->
            if
#ifndef WITHOUT_BASE
            :: horizonAt[v] < base -> printf(": base\n")
#endif
            :: else ->
              if
#ifndef WITHOUT_TIDEMARK_FILL
              :: v < tidemark -> printf(": below-tidemark\n")
#endif
              :: else ->
                printf(": admitted\n");
                assert(v >= applied); /* I1: no stale fill */
                tidemark = v; version = v; truth = v; filled = true; oldEpoch = ofEarlierEpoch;
                judge()
              fi
            fi
          fi
        fi
      fi;
      v = 0; ofEarlierLife = false; ofEarlierEpoch = false
    }
#endif
  :: atomic {
      (present || tidemark > 0) ->
      printf("store: emptied\n");
      present = false; horizon = 0; base = 0; tidemark = 0; filled = false; version = 0; truth = 0; oldEpoch = false;
      loseMark(0); loseMark(1); endLife;
#ifndef WITHOUT_CLAIM_LIFE
      claimed = false
#endif
    }
#ifdef ROLLBACK
  :: atomic {
      present && !copy.taken ->
      printf("store: a copy is taken, as it is now\n");
      copy.taken = true; copy.present = present; copy.filled = filled; copy.oldEpoch = oldEpoch; copy.claimed = claimed;
      copy.horizon = horizon; copy.base = base; copy.tidemark = tidemark; copy.version = version; copy.truth = truth;
      copy.applied = applied;
      copy.holdsMark[0] = (chain[0] == MARK_THERE); copy.holdsMark[1] = (chain[1] == MARK_THERE)
    }
  :: atomic {
      copy.taken ->
      printf("store: goes back to the copy\n");
      present = copy.present; filled = copy.filled; oldEpoch = copy.oldEpoch;
      horizon = copy.horizon; base = copy.base; tidemark = copy.tidemark; version = copy.version; truth = copy.truth;
      applied = copy.applied; /* what was lost with it is not known here until the resync */
#ifndef WITHOUT_CLAIM_REVISION
      claimed = copy.claimed;
#endif
      chain[0] = (chain[0] != NEW_CHAIN -> (copy.holdsMark[0] -> MARK_THERE : MARK_LOST) : NEW_CHAIN);
      chain[1] = (chain[1] != NEW_CHAIN -> (copy.holdsMark[1] -> MARK_THERE : MARK_LOST) : NEW_CHAIN);
      copy.taken = false; copy.present = false; copy.filled = false; copy.oldEpoch = false; copy.claimed = false;
      copy.horizon = 0; copy.base = 0; copy.tidemark = 0; copy.version = 0; copy.truth = 0; copy.applied = 0;
      copy.holdsMark[0] = false; copy.holdsMark[1] = false
    }
#endif
  /* advanceState folds a sample of the ring into base: one of the horizons since base. */
#ifndef WITHOUT_FOLD
  :: atomic { present && base < horizon -> base++; printf("store: folds a past horizon into base %d\n", base) }
#endif
  /* A record expires. Its life is longer than that of the samples of the ring. */
  :: atomic {
      present && (filled || tidemark > 0) &&
#if defined(WITHOUT_TOMBSTONES)
      true
#elif defined(WITHOUT_FOLD)
      (xid[tidemark] < horizon)
#else
      (xid[tidemark] < base)
#endif
      ->
      printf("store: the record expires\n");
      tidemark = 0; filled = false; version = 0; truth = 0; oldEpoch = false
    }
  od
}

#ifdef UNVERSIONED
/* A load whose source gives no versions, of the primary: only the lease protects the fill. */
proctype Filler(byte f) {
  byte loaded;
  do
  :: atomic {
      at[f] == IDLE && present ->
      at[f] = MISSED; earlierLife[f] = false; earlierEpoch[f] = false;
      printf("filler %d: misses\n", f)
    }
  :: atomic { at[f] == MISSED && holder == 0 -> holder = f; printf("filler %d: holds the lease\n", f) }
  :: atomic { at[f] == MISSED -> at[f] = LOADED; loaded = committed; printf("filler %d: loads version %d\n", f, loaded) }
  :: atomic { holder == f -> holder = 0; printf("filler %d: the lease expires\n", f) }
  :: atomic {
      at[f] == LOADED ->
      if
      :: !present -> printf("filler %d: uninitialised\n", f)
#ifndef WITHOUT_INCARNATION
      :: present && earlierLife[f] -> printf("filler %d: incarnation\n", f)
#endif
      :: else ->
        if
#ifndef WITHOUT_EPOCH_FILL
        :: earlierEpoch[f] -> printf("filler %d: epoch\n", f)
#endif
        :: else ->
          if
#if defined(WITHOUT_LEASE)
#elif defined(WITHOUT_LEASE_TOKEN)
          :: holder == 0 -> printf("filler %d: lease\n", f)
#else
          :: holder != f -> printf("filler %d: lease\n", f)
#endif
          :: else ->
            printf("filler %d: admitted\n", f);
            assert(loaded >= applied); /* I1: no stale fill */
            version = tidemark; truth = loaded; filled = true; oldEpoch = earlierEpoch[f];
            judge()
          fi
        fi
      fi;
      holder = (holder == f -> 0 : holder);
      at[f] = IDLE; loaded = 0; earlierLife[f] = false; earlierEpoch[f] = false
    }
  od
}
#endif

init {
  atomic {
#if RELAYS > 0
    run Relay(0);
#endif
#if RELAYS > 1
    run Relay(1);
#endif
    run Applier(0);
#ifdef UNVERSIONED
    run Filler(1);
    run Filler(2);
#endif
#if APPLIERS > 1
    run Applier(1);
#endif
  }
}
