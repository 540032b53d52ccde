/** The words of a simple command, as a POSIX shell splits it: quotes, no expansion. */
export function shellWords(command: string): string[] {
  const words: string[] = [];
  for (const [word] of command.matchAll(/(?:'[^']*'|"(?:\\.|[^"\\])*"|\\.|[^\s'"\\])+/g)) {
    words.push(
      word.replaceAll(
        /'([^']*)'|"((?:\\.|[^"\\])*)"|\\(.)/g,
        (_, single?: string, double?: string, one?: string) =>
          single ?? double?.replaceAll(/\\(.)/g, '$1') ?? one ?? '',
      ),
    );
  }
  return words;
}
