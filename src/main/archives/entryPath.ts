/** Path segments of an archive's entry; null where it could lead out of the folder that it is unpacked to. */
export function entrySegments(entry: string): string[] | null {
  const segments = entry.split('/').filter((segment) => segment !== '' && segment !== '.');
  const unsafe =
    entry.startsWith('/') ||
    segments.length === 0 ||
    segments.length > 16 ||
    segments.some((segment) => segment === '..' || /[\\:\0]/.test(segment));
  return unsafe ? null : segments;
}
