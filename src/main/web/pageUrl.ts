/** The address for people: the token is in the part that browsers keep to themselves. */
export function pageUrl(address: string, token: string): string {
  return `${address}/#token=${token}`;
}
