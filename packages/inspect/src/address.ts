/** Host and port of a URL, for people: user, password, path and query stay secret. */
export function addressOf(url: string): string {
  return url
    .replace(/^[a-z0-9+.-]+:\/\//i, '')
    .replace(/^.*@/, '')
    .replace(/[/?#].*$/, '');
}
