import { inject, provide, ref, type InjectionKey, type Ref } from 'vue';

/** What the line at the foot of the form says. */
export interface Explanation {
  title: string;
  symbol: string | null;
  text: string;
  /** Range and default, in small type. */
  facts: string;
}

const key: InjectionKey<Ref<Explanation | null>> = Symbol('explanation');

/** Makes the line to which everything in the form explains itself while it has the focus. */
export function provideExplanation(): Ref<Explanation | null> {
  const explanation = ref<Explanation | null>(null);
  provide(key, explanation);
  return explanation;
}

/** Says one sentence about what has the focus. */
export function useExplanation(): (explanation: Explanation) => void {
  const line = inject(key, null);
  return (explanation) => {
    if (line) line.value = explanation;
  };
}
