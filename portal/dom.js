/**
 * Describes an element. Props are attributes; functions named `on…` are listeners; `key` tells siblings apart.
 * `initial` sets a form field once, when it appears: afterwards it is the user's. Text is always text, never markup.
 */
export function h(tag, props, ...children) {
  const flat = children
    .flat(Infinity)
    .filter((child) => child !== undefined && child !== null && child !== false);
  return { tag, props: props ?? {}, children: flat };
}

/** Makes the element's content what is described, touching only what differs: focus and scrolling stay. */
export function render(parent, ...wanted) {
  const described = wanted.flat(Infinity).filter(Boolean);
  const left = [...parent.childNodes];
  let cursor = parent.firstChild;
  for (const item of described) {
    const at = left.findIndex((node) => fits(node, item));
    const node = at < 0 ? create(item) : left.splice(at, 1)[0];
    if (node === cursor) cursor = cursor.nextSibling;
    else parent.insertBefore(node, cursor);
    update(node, item);
  }
  for (const node of left) node.remove();
}

const state = new WeakMap();

function fits(node, item) {
  if (typeof item !== "object") return node.nodeType === Node.TEXT_NODE;
  if (node.nodeType !== Node.ELEMENT_NODE || node.localName !== item.tag) return false;
  return state.get(node)?.key === item.props.key;
}

function create(item) {
  if (typeof item !== "object") return document.createTextNode("");
  const node = document.createElement(item.tag);
  const { key, initial } = item.props;
  state.set(node, { key, props: {} });
  if (initial !== undefined) node[typeof initial === "boolean" ? "checked" : "value"] = initial;
  return node;
}

function update(node, item) {
  if (typeof item !== "object") {
    if (node.data !== String(item)) node.data = String(item);
    return;
  }
  const known = state.get(node);
  for (const name of Object.keys(known.props)) if (!(name in item.props)) setProp(node, name, undefined);
  for (const [name, value] of Object.entries(item.props))
    if (known.props[name] !== value && name !== "key" && name !== "initial") setProp(node, name, value);
  known.props = item.props;
  render(node, ...item.children);
}

function setProp(node, name, value) {
  if (name.startsWith("on")) node[name] = value ?? null;
  // An attribute would need 'unsafe-inline' in the page's policy.
  else if (name === "style") node.style.cssText = value ?? "";
  else if (value === undefined || value === false || value === null) node.removeAttribute(name);
  else node.setAttribute(name, value === true ? "" : String(value));
}
