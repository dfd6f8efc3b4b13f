/* Who joined the fan club or became a member, as a line among the others. Names reach the page as text only.

   [data-room-chat] > [data-joined]   who joined        [data-joined-line]   a line to copy */

import { wear } from "./badges.js";

const LINES_MAX = 40;

export function start(room, stream) {
  const list = room.querySelector("[data-room-chat]");
  const blank = room.querySelector("[data-joined-line]");
  if (!list || !blank) return;
  const known = new Set(Array.from(list.querySelectorAll("[data-joined]"), (line) => line.dataset.joined));

  stream.on("club.joined", (event) => {
    if (known.has(event.entitlement_id)) return; // the page was drawn with it
    known.add(event.entitlement_id);
    const line = blank.content.firstElementChild.cloneNode(true);
    line.dataset.joined = event.entitlement_id;
    line.querySelector("[data-from]").textContent = event.from;
    line.querySelector("[data-club]").hidden = event.kind !== "club";
    line.querySelector("[data-membership]").hidden = event.kind !== "membership";
    wear(line.querySelector("[data-worn]"), event);
    list.append(line);
    const lines = list.querySelectorAll("[data-joined]");
    for (const old of Array.from(lines).slice(0, Math.max(0, lines.length - LINES_MAX))) old.remove();
  });
}
