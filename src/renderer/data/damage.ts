import type { LabErrorData } from '#shared/errors.ts';

const mostNamed = 3;

/** One notice on all curves that cannot be read, or not in every part; null where there are none. */
export function describeDamage(curves: readonly { label: string; error: LabErrorData | null }[]): LabErrorData | null {
  const damaged = curves.flatMap(({ label, error }) => (error === null ? [] : [{ label, error }]));
  const [first] = damaged;
  if (!first) return null;
  const named = damaged.slice(0, mostNamed).map(({ label }) => `“${label}”`);
  const more = damaged.length - named.length;
  const who = more > 0 ? [...named, `${more} more`].join(', ') : named.join(', ');
  return {
    code: first.error.code,
    message: `What was recorded of ${who} is damaged in the lab’s database and cannot be read in every part.`,
    hint: 'Curves have a hole there; the rest is as it was recorded. Put a backup in place of the lab, or train these runs again.',
    cause: damaged.map(({ error }) => error.message).join('\n'),
  };
}
