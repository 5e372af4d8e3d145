import { contextBridge, ipcRenderer, webUtils, type IpcRendererEvent } from 'electron';
import type { ShellBridge } from '#shared/shellContract.ts';
import { eventsChannel, invokeChannel } from './channels.ts';

const bridge: ShellBridge = {
  invoke: (name, input) => ipcRenderer.invoke(invokeChannel, name, input),
  subscribe(listener) {
    const forward = (_event: IpcRendererEvent, batch: unknown): void => {
      listener(batch);
    };
    ipcRenderer.on(eventsChannel, forward);
    return () => {
      ipcRenderer.off(eventsChannel, forward);
    };
  },
  pathForFile: (file) => webUtils.getPathForFile(file as Parameters<typeof webUtils.getPathForFile>[0]),
};

contextBridge.exposeInMainWorld('normlab', bridge);
