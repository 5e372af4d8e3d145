const onApple = /mac|iphone|ipad/i.test(navigator.platform);

/** What stands before a letter in a shortcut. */
export const commandKey = onApple ? '⌘' : 'Ctrl+';
