// Edits that the server does not have yet, in this browser's IndexedDB: they survive a closed tab and a crash.
import { ROOT } from "./session.js";

const STORE = "drafts";
let opened = null;

function database() {
    opened ??= new Promise((resolve, reject) => {
        const request = indexedDB.open("drawops", 1);
        request.onupgradeneeded = () => request.result.createObjectStore(STORE);
        request.onsuccess = () => resolve(request.result);
        request.onerror = () => reject(request.error);
    });
    return opened;
}

async function transact(mode, act) {
    const transaction = (await database()).transaction(STORE, mode);
    return new Promise((resolve, reject) => {
        const request = act(transaction.objectStore(STORE));
        transaction.oncomplete = () => resolve(request.result);
        transaction.onerror = transaction.onabort = () => reject(transaction.error);
        // Without waiting for the request's own event: a tab that closes now has already sent everything.
        transaction.commit?.();
    });
}

/** Name of a person's draft of a task: an origin may hold several APIs, and a computer several people. */
export const draftKey = (annotator, taskId) => `${ROOT.pathname}|${annotator}|${taskId}`;

export const readDraft = (key) => transact("readonly", (store) => store.get(key));
export const writeDraft = (key, draft) => transact("readwrite", (store) => store.put(draft, key));
export const dropDraft = (key) => transact("readwrite", (store) => store.delete(key));
