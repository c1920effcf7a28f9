// What a message looks like. Names and notices are set as text. A message's `message` is HTML, which the application
// or a trusted program made: it is copied node by node through a list of harmless elements, see `richText`.

export function article({ message, userId, time: sent, recipients: to }, own) {
  const author = String(userId || "anonymous");
  const node = element("article", `message ${own ? "own" : "other"}`);
  node.dataset.user = String(userId ?? "");
  const head = element("header", "head");
  const name = element("span", "author", author);
  name.dir = "auto";
  // A program that posts its message to the pages directly names no time.
  const at = new Date(Number.isSafeInteger(sent) ? sent : Date.now());
  const time = element("time", "time", at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" }));
  time.dateTime = at.toISOString();
  head.append(name, ...(own ? [badge("you")] : []), ...groups(to), time);
  const body = element("div", "body");
  body.dir = "auto";
  body.append(richText(String(message ?? "")));
  node.append(avatar(author), head, body);
  return node;
}

// A message on its way, as it was typed.
export function outgoing(text) {
  const node = element("article", "outgoing own");
  const body = element("div", "body", text);
  body.dir = "auto";
  node.append(body, delivery("sending", "Sending"));
  return node;
}

export function delivery(state, words) {
  const node = element("p", "delivery", words);
  node.dataset.state = state;
  node.ariaLive = "off";
  return node;
}

export function avatar(name) {
  const node = element("span", "avatar");
  node.ariaHidden = "true";
  paint(node, name);
  return node;
}

export function paint(avatar, name) {
  const letters = [...name.trim()];
  avatar.textContent = (letters[0] ?? "?").toUpperCase();
  avatar.style.setProperty("--hue", letters.reduce((sum, letter) => (sum * 31 + letter.codePointAt(0)) % 360, 7));
}

export function badge(words) {
  return element("span", "badge", words);
}

export function element(tag, className, words = "") {
  const node = document.createElement(tag);
  node.className = className;
  node.textContent = words;
  return node;
}

function groups(to) {
  const named = Array.isArray(to) ? to.filter((one) => one?.type === "group" && one.value) : [];
  return named.map((one) => badge(`only ${one.value}`));
}

const HARMLESS = "A B BLOCKQUOTE BR CODE DEL EM H1 H2 H3 H4 H5 H6 HR I LI OL P PRE S STRONG UL".split(" ");

function richText(html) {
  const copy = (from, to) => {
    for (const node of childNodes.call(from)) {
      if (node instanceof Text) to.append(node.data);
      if (!(node instanceof Element)) continue;
      if (!HARMLESS.includes(node.tagName)) { copy(node, to); continue; }
      const kept = document.createElement(node.tagName);
      if (node.tagName === "A" && ["http:", "https:", "mailto:"].includes(node.protocol)) {
        Object.assign(kept, { href: node.href, target: "_blank", rel: "noopener noreferrer nofollow" });
      }
      if (node.tagName === "OL") kept.start = node.start;
      copy(node, kept);
      to.append(kept);
    }
    return to;
  };
  return copy(new DOMParser().parseFromString(html, "text/html").body, document.createDocumentFragment());
}

// Of a form, form.childNodes is an input of that name, if it has one.
const childNodes = Object.getOwnPropertyDescriptor(Node.prototype, "childNodes").get;
