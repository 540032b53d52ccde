import tab from '@bomb.sh/tab/commander';
import type { Command } from 'commander';

/** The script for bash calls this function of the package bash-completion, which not every machine has. */
const WITHOUT_BASH_COMPLETION = `if ! declare -F _get_comp_words_by_ref >/dev/null; then
    _get_comp_words_by_ref() {
        cword=$COMP_CWORD words=("\${COMP_WORDS[@]}") cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]}
    }
fi
`;

/**
 * Adds `completion`, and what its scripts call. Comes last: it looks at all commands that are there.
 */
export function addCompletionCommand(root: Command): void {
  tab(root, { completionCommandName: 'completion' });
  root.commands
    .find((each) => each.name() === 'completion')!
    .hook('preAction', ({ args }) => {
      if (args[0] === 'bash') process.stdout.write(WITHOUT_BASH_COMPLETION);
    })
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
