/** Names of the two IPC channels between preload and main. */
export const invokeChannel = 'normlab:invoke';
export const eventsChannel = 'normlab:events';

/** The application's own origin; nothing else is ever loaded. */
export const applicationOrigin = 'app://normlab';
