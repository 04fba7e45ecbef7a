// Elements from values. Text is only ever set as text, so nothing that came with traffic can become markup.

const SVG = "http://www.w3.org/2000/svg";

/** Return an element; properties that begin with `on` are listeners, all others attributes, `null` and `false` are left out. */
export function el(tag, properties = {}, ...children) {
  return fill(document.createElement(tag), properties, children);
}

/** The same for SVG. */
export function svg(tag, properties = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), properties, children);
}

function fill(node, properties, children) {
  set(node, properties);
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/** Set attributes and listeners of an element. */
export function set(node, properties) {
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === null || value === undefined || value === false) node.removeAttribute(name);
    else if (value === true) node.setAttribute(name, "");
    else if (node.getAttribute(name) !== String(value)) node.setAttribute(name, value);
  }
  return node;
}

/** Put other children into an element. */
export function put(node, ...children) {
  node.replaceChildren(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/** Set an element's text if it is another one, so that what is selected or read aloud is not disturbed. */
export function text(node, value) {
  const wanted = String(value);
  if (node.textContent !== wanted) node.textContent = wanted;
  return node;
}

/** Show or hide an element. */
export function show(node, isShown) {
  if (node.hidden === isShown) node.hidden = !isShown;
  return node;
}

/** Make a list's children those that belong to these keys, in their order; elements are kept and moved, not made anew. */
export function reconcile(list, keys, known, make) {
  const wanted = new Set(keys);
  for (const [key, one] of known) {
    if (!wanted.has(key)) {
      one.node.remove();
      known.delete(key);
    }
  }
  let before = list.firstElementChild;
  for (const key of keys) {
    if (!known.has(key)) known.set(key, make(key));
    const { node } = known.get(key);
    if (node === before) before = before.nextElementSibling;
    else list.insertBefore(node, before);
  }
}

let numbers = 0;

/** Return an id that no other element has, for labels and descriptions. */
export function fresh(word) {
  numbers += 1;
  return `${word}-${numbers}`;
}
