const storageKey = 'normlab.token';

/**
 * The token of this page's session. It comes once, in the part of the address that is never sent: itself, or as a
 * code that the lab takes once in exchange for it. From there it goes into this window's storage, which a reload
 * keeps, and out of sight.
 */
export async function takeSessionToken(): Promise<string> {
  const code = takeFromAddress('code');
  const token = takeFromAddress('token') ?? (code === null ? null : await redeem(code));
  if (token !== null) sessionStorage.setItem(storageKey, token);
  return sessionStorage.getItem(storageKey) ?? '';
}

/** A value of the address's last part, which it leaves with that; null where there is none. */
function takeFromAddress(name: 'token' | 'code'): string | null {
  const match = new RegExp(`[#&]${name}=([A-Za-z0-9_-]+)`).exec(location.hash);
  if (match?.[1] === undefined) return null;
  const rest = location.hash.replace(match[0], '').replace(/^#?&/, '#');
  history.replaceState(history.state, '', `${location.pathname}${location.search}${rest === '#' ? '' : rest}`);
  return match[1];
}

/** Null where the code is used up or too old, or nobody answers: the page then says what to open. */
async function redeem(code: string): Promise<string | null> {
  try {
    const response = await fetch('/session', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ code }),
    });
    const { result } = (await response.json()) as { result?: { token?: unknown } };
    return typeof result?.token === 'string' ? result.token : null;
  } catch {
    return null;
  }
}

/** The address of a host that was started anew, put into a page that is open: the page begins again with it. */
export function reloadOnNewToken(): void {
  addEventListener('hashchange', () => {
    if (/[#&](?:token|code)=/.test(location.hash)) location.reload();
  });
}
