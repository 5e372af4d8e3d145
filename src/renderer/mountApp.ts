import { createPinia } from 'pinia';
import { createApp } from 'vue';
import * as z from 'zod';
import type { LabClient } from '#shared/contract.ts';
import AppShell from './shell/AppShell.vue';
import type { Host } from './data/host.ts';
import { createAppRouter } from './router.ts';
import { useExperiments } from './stores/experiments.ts';
import { connectLab } from './stores/lab.ts';
import { useMachine } from './stores/machine.ts';
import { usePreferences } from './stores/preferences.ts';
import './styles/tokens.css';
import './styles/base.css';

/** Shows the interface of a lab in the page's `#app`. */
export function mountApp(client: LabClient, host: Host): void {
  // Zod would try to compile validators, which the content security policy forbids.
  z.config({ jitless: true });
  connectLab(client, host);
  const app = createApp(AppShell);
  app.use(createPinia());
  app.use(createAppRouter());
  void usePreferences().start();
  useMachine().start();
  useExperiments().start();
  app.mount('#app');
  // The charts' code is large: it is there before the first comparison is opened.
  requestIdleCallback(() => void import('./views/ComparisonView.vue'), { timeout: 5000 });
}
