import { createHash } from 'node:crypto';
import { canonicalJson } from '#shared/canonicalJson.ts';
import { LabError } from '#shared/errors.ts';
import { labCommand } from '#shared/labCommand.ts';

export interface StoredDocument {
  document: string;
  documentHash: string;
}

/** The hash of `hashDocument`, of text that is canonical already. */
function hashStoredText(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** A document as it is stored: its canonical JSON, and the SHA-256 of that. */
export function encodeDocument(value: unknown): StoredDocument {
  const document = canonicalJson(value);
  return { document, documentHash: hashStoredText(document) };
}

export function isIntact({ document, documentHash }: StoredDocument): boolean {
  return hashStoredText(document) === documentHash;
}

export function damagedDocument(kind: 'run' | 'experiment', id: string): LabError {
  return describeDamage(`The document of ${kind} ${id}`, kind);
}

/** Of all that is kept about a run or experiment besides its document. */
export function damagedRecord(kind: 'run' | 'experiment', id: string): LabError {
  return describeDamage(`The record of ${kind} ${id}`, kind);
}

function describeDamage(what: string, kind: 'run' | 'experiment'): LabError {
  return new LabError(
    'labDamaged',
    `${what} does not match its checksum: lab.sqlite was damaged or changed from outside.`,
    `Restore what can be read of it with ${labCommand('repair')}, put a backup in place of the lab, or delete the ${kind}; all others are not affected.`,
  );
}

/** The document, if it is what was stored. @throws LabError `labDamaged` naming the record. */
export function decodeDocument(row: StoredDocument & { id: string }, kind: 'run' | 'experiment'): unknown {
  if (!isIntact(row)) throw damagedDocument(kind, row.id);
  return JSON.parse(row.document) as unknown;
}

export function encodeJson(value: object | null): string | null {
  return value === null ? null : JSON.stringify(value);
}

export function decodeJson(text: string | null): unknown {
  return text === null ? null : (JSON.parse(text) as unknown);
}
