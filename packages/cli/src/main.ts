import { Command, CommanderError } from 'commander';
import { addAdviseCommand } from './advise-command.ts';
import { addAgentCommand } from './agent-command.ts';
import { addCompletionCommand } from './completion-command.ts';
import { addConsoleCommand } from './console-command.ts';
import { addDeadLettersCommands } from './dead-letters-command.ts';
import { addDoctorCommand } from './doctor-command.ts';
import { describeFailure, ExitError } from './failure.ts';
import { addInspectCommand } from './inspect-command.ts';
import { addInvalidateCommand } from './invalidate-command.ts';
import { addPostgresCommands } from './postgres-command.ts';
import { addRegionsCommands } from './regions-command.ts';
import { addRollbackCommand } from './rollback-command.ts';
import { addSnapshotCommands } from './snapshot-command.ts';
import { addStatusCommands } from './status-command.ts';
import { addTailCommand } from './tail-command.ts';
import { addTraceCommand } from './trace-command.ts';
import { addVerifyCommand } from './verify-command.ts';
import { addWarmCommands } from './warm-command.ts';

/** The whole program; tests compare its commands with their documentation. */
export function program(): Command {
  const root = new Command('tidemark')
    .description("Coherence of a region's caches, from the command line.")
    .exitOverride()
    .configureOutput({ outputError: () => {} }); // Said once, below.
  addStatusCommands(root);
  addDoctorCommand(root);
  addInspectCommand(root);
  addTraceCommand(root);
  addTailCommand(root);
  addConsoleCommand(root);
  addVerifyCommand(root);
  addInvalidateCommand(root);
  addRollbackCommand(root);
  addDeadLettersCommands(root);
  addRegionsCommands(root);
  addPostgresCommands(root);
  addAgentCommand(root);
  addWarmCommands(root);
  addSnapshotCommands(root);
  addAdviseCommand(root);
  addCompletionCommand(root);
  return root;
}

/** @returns the exit code */
export async function main(argv: readonly string[]): Promise<number> {
  try {
    await program().parseAsync([...argv]);
    return 0;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return 0; // --help
    if (error instanceof ExitError) return error.exitCode; // All was said.
    const { line, exitCode } = describeFailure(error, argv.includes('--json'));
    process.stderr.write(`${line}\n`);
    return exitCode;
  }
}
