const storageKey = 'normlab.token';

/**
 * The token of this page's session. It comes once, in the part of the address that is never sent;
 * from there it goes into this window's storage, which a reload keeps, and out of sight.
 */
export function takeSessionToken(): string {
  const match = /[#&]token=([A-Za-z0-9_-]+)/.exec(location.hash);
  if (match?.[1] !== undefined) {
    sessionStorage.setItem(storageKey, match[1]);
    const rest = location.hash.replace(match[0], '').replace(/^#?&/, '#');
    history.replaceState(history.state, '', `${location.pathname}${location.search}${rest === '#' ? '' : rest}`);
  }
  return sessionStorage.getItem(storageKey) ?? '';
}

/** The address of a host that was started anew, put into a page that is open: the page begins again with it. */
export function reloadOnNewToken(): void {
  addEventListener('hashchange', () => {
    if (/[#&]token=/.test(location.hash)) location.reload();
  });
}
