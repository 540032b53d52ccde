import { claimPort } from './ports.ts';
import { type ServerCommand, ServerProcess } from './server-process.ts';
import { makeTempDir, removeTempDir } from './temp-dir.ts';

const START_ATTEMPTS = 3;

/** A real server process on loopback, in a temporary folder. */
export interface Server extends AsyncDisposable {
  readonly host: '127.0.0.1';
  readonly port: number;
  readonly url: string;
  /** Configuration, log and data. */
  readonly dir: string;
  /** Of the running process; undefined while it is stopped. */
  readonly pid: number | undefined;
  /** Starts it again on the same port and data; resolves when it answers. */
  start(): Promise<void>;
  /** Graceful; keeps the data. */
  stop(): Promise<void>;
  /** SIGKILL; keeps the data. */
  kill(): Promise<void>;
  /** Deletes the data of a stopped server. */
  wipe(): Promise<void>;
  /** SIGSTOP: it hangs, its connections stay open. */
  pause(): void;
  /** SIGCONT. */
  resume(): void;
  /** Stops it and deletes everything. */
  close(): Promise<void>;
}

/** What differs between kinds of servers. */
export interface ServerKind {
  readonly name: string;
  /** Graceful end. */
  readonly stopSignal: NodeJS.Signals;
  /** Quickest end that leaves nothing in the system, for the watchdog. */
  readonly orphanSignal: NodeJS.Signals;
  /** Prepares configuration in `dir` and data in `dataDir`, and says how to start the server. */
  command(at: ServerPlace): Promise<ServerCommand>;
  /** Asks the server, over its own protocol, whether it serves; false or rejects when not yet. */
  ready(port: number): Promise<boolean>;
  url(port: number): string;
  /** Its data must be on a disk, not in memory. */
  readonly onDisk?: boolean;
  /** In the log of a start that failed: it only came too soon after a kill. */
  readonly tooSoon?: RegExp;
  /** Frees what a killed server left in the system; it is not running. */
  sweep?(dataDir: string): Promise<void>;
}

export interface ServerPlace {
  readonly dir: string;
  readonly dataDir: string;
  readonly port: number;
}

/** Starts a server on a free port; tries again when somebody else takes the port first. */
export async function startServer(kind: ServerKind): Promise<Server> {
  for (let attempt = 1; ; attempt += 1) {
    const claim = await claimPort();
    const dir = await makeTempDir(kind.name, kind.onDisk);
    const server = new ServerProcess(kind, dir, claim.port, async () => {
      await removeTempDir(dir);
      await claim.release();
    });
    try {
      await server.start();
      return server;
    } catch (error) {
      await server.close();
      if (attempt === START_ATTEMPTS || !/address already in use/i.test(String(error))) throw error;
    }
  }
}
