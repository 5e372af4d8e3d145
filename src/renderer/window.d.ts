import type { ShellBridge } from '#shared/shellContract.ts';

declare global {
  interface Window {
    /** Put there by the desktop shell's preload script; absent in a browser. */
    readonly normlab?: ShellBridge;
  }
}
