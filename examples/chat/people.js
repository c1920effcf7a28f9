// Who is here: the application sends the names, in order, and how many there are, whenever that may have changed.

import { avatar, badge, element } from "./message.js";

export function show(list, summary, { names, count }, own) {
  summary.textContent = `${count} here`;
  list.replaceChildren(...names.map((name) => {
    const item = element("li", "person");
    const shown = element("span", "name", name);
    shown.dir = "auto";
    item.append(avatar(name), shown, ...(name === own ? [badge("you")] : []));
    return item;
  }));
  if (count > names.length) list.append(element("li", "more", `and ${count - names.length} more`));
}

// Who came and who went between two lists, of which the first may not be known yet. A list that is cut off does not say.
export function changes(before, now) {
  if (!before || [before, now].some(({ names, count }) => count > names.length)) return { joined: [], left: [] };
  return {
    joined: now.names.filter((name) => !before.names.includes(name)),
    left: before.names.filter((name) => !now.names.includes(name)),
  };
}
