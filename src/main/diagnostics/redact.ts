import { homedir, hostname, userInfo } from 'node:os';

/** What tells who and where somebody is, and is replaced. */
export interface PersonalNames {
  homeDirectory: string;
  userName: string;
  hostName: string;
  /** Folders with the words that stand for them, as `/srv/labs/mine` for `<lab>`. */
  folders: readonly (readonly [folder: string, word: string])[];
}

/** Those of this process. */
export function ownNames(folders: PersonalNames['folders']): PersonalNames {
  let userName = '';
  try {
    userName = userInfo().username;
  } catch {
    // A container's user may have no name.
  }
  return { homeDirectory: homedir(), userName, hostName: hostname(), folders };
}

const escape = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
/** Words of one letter would take texts apart. */
const shortestName = 2;

/**
 * Makes a function that takes out of a text: the home folder and other people's, named folders, user and
 * host name, and whatever looks like a token or password.
 */
export function createRedactor({
  homeDirectory,
  userName,
  hostName,
  folders,
}: PersonalNames): (text: string) => string {
  const replacements: [RegExp, string][] = [];
  // The longest first: a lab is often inside the home folder. Windows writes both kinds of slashes.
  const known = [...folders, [homeDirectory, '~'] as const]
    .filter(([folder]) => folder.length > 1)
    .sort(([left], [right]) => right.length - left.length);
  for (const [folder, word] of known) {
    const pattern = folder.split(/[\\/]/).map(escape).join('[\\\\/]+');
    replacements.push([new RegExp(`${pattern}(?![\\w-])`, 'gi'), word]);
  }
  // Homes of others, as in the logs of a run that was imported from another machine.
  replacements.push([/([\\/](?:home|Users)[\\/]+)[^\\/\s"'“”:,;)]+/gi, '$1<user>']);
  replacements.push([
    /(token|password|passwd|secret|api[-_]?key|authorization)(["']?\s*[:=]\s*["']?(?:bearer\s+)?)[^\s"'&,;]+/gi,
    '$1$2<removed>',
  ]);
  // A session token: random bytes as base64; checksums, which are hexadecimal, stay.
  replacements.push([/(?<![\w-])(?![0-9a-f]+(?![\w-]))(?=[\w-]*\d)(?=[\w-]*[A-Z])[\w-]{32,}(?![\w-])/g, '<removed>']);
  const names: [string, string][] = [
    [hostName, '<host>'],
    [hostName.split('.')[0] ?? '', '<host>'],
    [userName, '<user>'],
  ];
  for (const [name, word] of names) {
    if (name.length >= shortestName)
      replacements.push([new RegExp(`(?<![\\w-])${escape(name)}(?![\\w-])`, 'gi'), word]);
  }
  return (text) => replacements.reduce((changed, [pattern, word]) => changed.replace(pattern, word), text);
}

/** Every text of a JSON value, keys too, through a function. */
export function mapTexts(value: unknown, change: (text: string) => string): unknown {
  if (typeof value === 'string') return change(value);
  if (Array.isArray(value)) return value.map((member) => mapTexts(member, change));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [change(key), mapTexts(member, change)]));
}
