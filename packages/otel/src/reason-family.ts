/** What a reason says before it quotes anything: a sender of messages must not choose labels, nor show keys. */
export function familyOf(reason: string): string {
  return reason.split(':', 1)[0]!;
}
