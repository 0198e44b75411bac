// versioned.mjs - a map that remembers what it was at each block, so that it can
// be asked about an older one, and go back to it.
export class Versioned {
  #now = new Map();
  #layers = []; // {block, before: key -> value that `block` replaced}, oldest first

  begin(block) {
    this.#layers.push({ block, before: new Map() });
  }

  set(key, value) {
    const layer = this.#layers.at(-1);
    if (layer && !layer.before.has(key)) layer.before.set(key, this.#now.get(key));
    this.#now.set(key, value);
  }

  get(key, block = Infinity) {
    let value = this.#now.get(key);
    for (let i = this.#layers.length - 1; i >= 0 && this.#layers[i].block > block; i--)
      if (this.#layers[i].before.has(key)) value = this.#layers[i].before.get(key);
    return value;
  }

  values() {
    return [...this.#now.values()].filter((v) => v !== undefined);
  }

  // All that came after `block` is undone.
  goBack(block) {
    while (this.#layers.at(-1)?.block > block)
      for (const [key, value] of this.#layers.pop().before) this.#now.set(key, value);
  }
}
