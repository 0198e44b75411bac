// faults.mjs - a node that is not well, or lies: rules for its next answers.
//
// A rule {path, after, times, ...} leaves the next `after` requests of a path
// alone and acts on the `times` that follow: `answer` is given in place of the
// node's own, `set` changes fields of it ("receipt.result": "SUCCESS"; null
// takes one out), `status` and `body` answer something that is no JSON, `close`
// ends the connection with no answer, `hold` leaves it open with none.
export class Faults {
  #rules = [];

  add({ path, after = 0, times = 1, ...act }) {
    this.#rules.push({ path, after, times, act });
  }

  clear() {
    this.#rules = [];
  }

  // What is to happen to the request that just came; undefined: nothing.
  next(path) {
    const rule = this.#rules.find((r) => r.path === path);
    if (!rule) return undefined;
    if (rule.after > 0) {
      rule.after--;
      return undefined;
    }
    if (--rule.times === 0) this.#rules.splice(this.#rules.indexOf(rule), 1);
    return rule.act;
  }
}

export function lie(answer, set) {
  const out = structuredClone(answer);
  for (const [path, value] of Object.entries(set)) {
    const names = path.split('.'), last = names.pop();
    const inner = names.reduce((o, name) => o[name] ??= {}, out);
    if (value === null) delete inner[last];
    else inner[last] = value;
  }
  return out;
}
