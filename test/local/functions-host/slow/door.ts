/** The app is not loaded before a test opens it. */
export const door = Promise.withResolvers<void>();

/** What the app did by itself. */
export const done: string[] = [];
