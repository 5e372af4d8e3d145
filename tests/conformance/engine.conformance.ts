import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { engineDescriptionSchema, type EngineLocation } from '#shared/protocol.ts';
import type { Engine } from '#trainer/engines/engine.ts';
import { openEngine } from '#trainer/engines/openEngine.ts';
import { describeOperations } from './operations.conformance.ts';
import { describeParity } from './parity.conformance.ts';
import { describeRandomOperations } from './random.conformance.ts';
import { describeSteps } from './steps.conformance.ts';

/**
 * What every engine must do. What an engine lacks it says in its capabilities; nothing is left out
 * by name.
 */
export function describeEngineConformance(location: EngineLocation): void {
  let engine: Engine;
  const current = (): Engine => engine;

  beforeAll(async () => {
    engine = await openEngine(location);
  });
  afterAll(() => engine.dispose());

  it('describes itself', () => {
    const description = engineDescriptionSchema.parse(engine.describe());
    expect(description.kind).toBe(location.kind);
    expect(description.title).toContain(description.version);
    expect(description.device).not.toBe('');
    expect(description.versions['node']).toBe(process.versions.node);
    expect(description.versions['tfjs']).toMatch(/^\d+\.\d+\.\d+$/);
    expect(description.capabilities.precisions).toContain('float32');
    expect(engine.memory().residentBytes).toBeGreaterThan(0);
  });

  it('is the only one open', async () => {
    await expect(openEngine(location)).rejects.toMatchObject({ code: 'invalidState' });
  });

  describe('operations', () => describeOperations(current));
  describe('random operations', () => describeRandomOperations(current));
  describe('parity', () => describeParity(current));
  describe('steps', () => describeSteps(current));

  it('has no tensor left at the end', () => {
    expect(engine.memory()).toMatchObject({ tensorCount: 0, nativeHandleCount: 0 });
  });
}
