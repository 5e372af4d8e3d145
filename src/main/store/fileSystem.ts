import { statfsSync } from 'node:fs';

/**
 * Linux file system types (`statfs(2)`, magic.h) on which SQLite's shared-memory WAL index may not
 * be coherent: several hosts may share them, or a user-space program serves them.
 */
const networkFileSystems = new Map<number, string>([
  [0x6969, 'NFS'],
  [0xff534d42, 'CIFS'],
  [0xfe534d42, 'SMB2'],
  [0x517b, 'SMB'],
  [0x65735546, 'FUSE'],
  [0x0bd00bd0, 'Lustre'],
  [0x00c36400, 'CephFS'],
  [0x01021997, '9p'],
  [0x5346414f, 'AFS'],
  [0x6b414653, 'AFS'],
  [0x73757245, 'Coda'],
  [0x47504653, 'GPFS'],
  [0x19830326, 'BeeGFS'],
  [0xaad7aaea, 'PanFS'],
  [0x7461636f, 'OCFS2'],
  [0x01161970, 'GFS2'],
  [0x786f4256, 'VirtualBox shared folder'],
  [0xbacbacbc, 'VMware shared folder'],
]);

/** Number that the operating system gives the type of a folder's file system. */
export type FileSystemProbe = (directory: string) => number;

const probeFileSystem: FileSystemProbe = (directory) => statfsSync(directory).type;

/**
 * Name of the network file system that holds a folder; `null` for a local disk, and where it
 * cannot be told (macOS, and mapped drives of Windows).
 */
export function networkFileSystem(
  directory: string,
  platform: NodeJS.Platform = process.platform,
  probe: FileSystemProbe = probeFileSystem,
): string | null {
  if (platform === 'win32') return directory.startsWith('\\\\') ? 'network share' : null;
  if (platform !== 'linux') return null;
  try {
    // Unsigned: some systems give the type as a negative number.
    return networkFileSystems.get(probe(directory) >>> 0) ?? null;
  } catch {
    return null;
  }
}
