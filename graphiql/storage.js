// GraphiQL keeps its tabs between visits. Other examples (a new demo, with other ids) start afresh.
const OURS = "graphiql:";

export function storageFor(examples) {
  const prefix = `${OURS}${hash(examples)}:`;
  const isNew = localStorage.getItem(`${prefix}seen`) === null;
  if (isNew) {
    forgetAll();
    localStorage.setItem(`${prefix}seen`, "");
  }
  return {
    isNew,
    get length() {
      return localStorage.length;
    },
    getItem: (key) => localStorage.getItem(prefix + key),
    setItem: (key, value) => localStorage.setItem(prefix + key, value),
    removeItem: (key) => localStorage.removeItem(prefix + key),
    clear: forgetAll,
  };
}

// Other pages of this address keep things there too.
function forgetAll() {
  for (const key of Object.keys(localStorage)) {
    if (key.startsWith(OURS)) localStorage.removeItem(key);
  }
}

function hash(text) {
  let sum = 5381;
  for (const letter of text) sum = (sum * 33 + letter.codePointAt(0)) >>> 0;
  return sum.toString(36);
}
