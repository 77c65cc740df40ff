// What is kept in the browser: small texts under "hubbub.…". When storage is
// refused or full, it is kept for the life of the page instead.

const memory = new Map();
const PREFIX = "hubbub.";

export function keep(key, value) {
  memory.set(key, value);
  try {
    localStorage.setItem(PREFIX + key, value);
  } catch {
    // Full or refused: memory has it.
  }
}

export function kept(key) {
  try {
    return localStorage.getItem(PREFIX + key) ?? memory.get(key) ?? null;
  } catch {
    return memory.get(key) ?? null;
  }
}

export function drop(key) {
  memory.delete(key);
  try {
    localStorage.removeItem(PREFIX + key);
  } catch {
    // Nothing was stored there.
  }
}

/** keysOf lists the keys that begin with the prefix. */
export function keysOf(prefix) {
  const keys = new Set([...memory.keys()].filter((k) => k.startsWith(prefix)));
  try {
    for (let i = 0; i < localStorage.length; i++) {
      const k = localStorage.key(i);
      if (k.startsWith(PREFIX + prefix)) keys.add(k.slice(PREFIX.length));
    }
  } catch {
    // Memory is all there is.
  }
  return [...keys];
}

/** dropAll forgets every key that begins with the prefix. */
export function dropAll(prefix) {
  for (const key of keysOf(prefix)) drop(key);
}
