import { defineStore } from 'pinia';
import { ref } from 'vue';
import { toLabErrorData } from '#shared/errors.ts';

export interface Toast {
  id: number;
  title: string;
  detail?: string;
  tone: 'neutral' | 'danger';
  action?: { label: string; run: () => void };
}

/** Notices that come and go at the foot of the window. */
export const useToasts = defineStore('toasts', () => {
  const items = ref<Toast[]>([]);
  let nextId = 0;

  function show(toast: Omit<Toast, 'id' | 'tone'> & { tone?: Toast['tone'] }): void {
    nextId += 1;
    // A notice that asks for nothing makes room for the next one.
    const kept = items.value.filter((item) => item.tone === 'danger' || item.action !== undefined);
    items.value = [...kept.slice(-3), { tone: 'neutral', ...toast, id: nextId }];
  }

  function dismiss(id: number): void {
    items.value = items.value.filter((toast) => toast.id !== id);
  }

  /** Says what happened and what to do. */
  function showError(error: unknown): void {
    const { message, hint } = toLabErrorData(error);
    show({ title: message, detail: hint, tone: 'danger' });
  }

  /** Runs an action; where it fails, says so. */
  async function attempt<Result>(action: () => Promise<Result>): Promise<Result | null> {
    try {
      return await action();
    } catch (error) {
      showError(error);
      return null;
    }
  }

  return { items, show, dismiss, showError, attempt };
});
