import { describe, expect, it } from 'vitest';
import { compareVerificationLosses, engineVerification } from '#shared/domain/engineVerification.ts';
import { openEngine } from '#trainer/engines/openEngine.ts';
import { verifyEngine } from '#trainer/verify.ts';
import { testEngines } from '../engines.ts';
import { verificationReference } from './verificationReference.ts';

describe('engineVerification', () => {
  it('stores the losses that plain float64 arithmetic gives', () => {
    const reference = verificationReference();
    expect(engineVerification.losses).toHaveLength(reference.length);
    reference.forEach((loss, index) => expect(engineVerification.losses[index]).toBeCloseTo(loss, 12));
  });

  it('accepts rounding and refuses a mistake, a missing loss and a loss that is not finite', () => {
    const { losses } = engineVerification;
    const changed = (change: number): number[] => losses.map((loss, index) => (index === 4 ? loss + change : loss));
    expect(compareVerificationLosses({ eager: changed(5e-5) }).ok).toBe(true);
    expect(compareVerificationLosses({ eager: losses, compiled: changed(2e-4) }).ok).toBe(false);
    expect(compareVerificationLosses({ eager: losses.slice(1) }).ok).toBe(false);
    expect(compareVerificationLosses({ eager: changed(NaN) }).ok).toBe(false);
    expect(compareVerificationLosses({}).ok).toBe(false);
  });
});

for (const { name, location } of testEngines) {
  describe.runIf(location)(`verifyEngine on ${name} (where it is installed)`, () => {
    it('gives the stored losses in every way of computing, and keeps no tensor', async () => {
      if (!location) return;
      const engine = await openEngine(location);
      try {
        const { compiledSteps, fusedOperations } = engine.describe().capabilities;
        const losses = verifyEngine(engine);
        expect(Object.keys(losses)).toEqual([
          'eagerComposed',
          ...(fusedOperations ? ['eagerFused'] : []),
          ...(compiledSteps ? ['compiled'] : []),
        ]);
        expect(compareVerificationLosses(losses)).toMatchObject({ ok: true });
        expect(engine.memory()).toMatchObject({ tensorCount: 0, nativeHandleCount: 0 });
      } finally {
        engine.dispose();
      }
    });
  });
}
