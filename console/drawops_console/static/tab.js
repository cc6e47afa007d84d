// One tab a task: two tabs of one person would save against each other.

/**
 * Hold the name `name` for this tab. Resolves to true when this tab has it, false when another one does.
 * `take` takes it from the other tab; `onLost` is called when another tab took it from this one.
 * Browsers without Web Locks (pages that are neither https nor localhost) let every tab have it.
 */
export function hold(name, { take = false, onLost }) {
    if (!navigator.locks) return Promise.resolve({ held: true, release() {} });
    return new Promise((resolve, reject) => {
        const options = take ? { steal: true } : { ifAvailable: true };
        navigator.locks
            .request(name, options, (lock) => {
                if (!lock) {
                    resolve({ held: false, release() {} });
                    return undefined;
                }
                return new Promise((release) => resolve({ held: true, release }));
            })
            .catch((error) => (error.name === "AbortError" ? onLost() : reject(error)));
    });
}
