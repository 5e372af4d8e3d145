/**
 * Keys of the lab's memory under which its settings are kept. A run's environment names the computer
 * that trained it unless this is false: where runs of several machines come together one wants to know.
 */
export const recordHostNameKey = 'settings.recordHostName';
