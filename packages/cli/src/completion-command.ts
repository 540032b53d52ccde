import tab from '@bomb.sh/tab/commander';
import type { Command } from 'commander';

/**
 * Adds `completion`, and what its scripts call. Comes last: it looks at all commands that are there.
 */
export function addCompletionCommand(root: Command): void {
  tab(root, { completionCommandName: 'completion' });
  root.commands
    .find((each) => each.name() === 'completion')!
    .description('prints what completes commands and options in a shell')
    .addHelpText(
      'after',
      `
Exit codes: 0 done, 2 wrong usage.

Examples:
  source <(tidemark completion bash)
  tidemark completion zsh > "\${fpath[1]}/_tidemark"
  tidemark completion fish > ~/.config/fish/completions/tidemark.fish`,
    );
}
