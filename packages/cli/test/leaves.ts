import type { Command } from 'commander';

/** Commands that do something, by the words that call them. */
export function leaves(
  command: Command,
  words: readonly string[] = [],
): { words: readonly string[]; command: Command }[] {
  const inside = command
    .createHelp()
    .visibleCommands(command)
    .filter((each) => each.name() !== 'help');
  if (inside.length === 0) return [{ words, command }];
  return inside.flatMap((each) => leaves(each, [...words, each.name()]));
}
