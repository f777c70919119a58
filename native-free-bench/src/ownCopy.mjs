let copies = 0;

/**
 * A copy of a function that the engine optimizes on its own. Cases that share one loop would share what it learned about
 * the calls in it, and the slower case would slow the others down. The function may use its arguments only.
 * @template {(...args: never[]) => unknown} F
 * @param {F} fn
 * @returns {F}
 */
export function ownCopy(fn) {
  // Equal source texts would be one function to the engine's compilation cache.
  return new Function(`return (${fn.toString()}) // ${copies++}`)();
}
