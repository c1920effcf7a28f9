// Who is here: the server tells who came and who left, and the client keeps the list.

import { avatar, badge, element } from "./message.js";

export function show(list, summary, { members, count }, own) {
  summary.textContent = `${count} here`;
  const names = members.map(({ userId }) => userId).sort((one, other) => one.localeCompare(other)).slice(0, MOST_NAMES);
  list.replaceChildren(...names.map((name) => {
    const item = element("li", "person");
    const shown = element("span", "name", name);
    shown.dir = "auto";
    item.append(avatar(name), shown, ...(name === own ? [badge("you")] : []));
    return item;
  }));
  if (count > names.length) list.append(element("li", "more", names.length ? `and ${count - names.length} more` : "too many to name"));
}

const MOST_NAMES = 100;
