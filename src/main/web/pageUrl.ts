/** The address for people: the token is in the part that browsers keep to themselves. */
export function pageUrl(address: string, token: string): string {
  return `${address}/#token=${token}`;
}

/** The address for a browser's command line, good for one page. */
export function codeUrl(address: string, code: string): string {
  return `${address}/#code=${code}`;
}
